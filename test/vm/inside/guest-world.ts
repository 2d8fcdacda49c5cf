/**
 * The world of the power-loss suite, inside its guest: two volumes on disks of the guest's, one btrfs and one ZFS, the
 * state directory at its usual place, and a systemd unit of writers that the group freezes. It outlives the process that
 * made it, and boots with the guest.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli, startCli, type CliOptions } from '../../support/run-cli.js';
import { mark, readMarker, tool, type WorldParts, type WorldVolume } from '../../support/world.js';

const STATE = '/var/lib/snapcommit';
const WRITERS = 'writers.service';
const CGROUP = `/sys/fs/cgroup/system.slice/${WRITERS}`;

function volume(name: string, dataset: string | null): WorldVolume {
  const mount = join('/srv', name);
  return { name, image: '', mount, live: join(mount, 'live'), publish: join(mount, '.snapcommit', name), dataset };
}

const volumes: readonly WorldVolume[] = [volume('db', null), volume('wal', 'wal')];

const text = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');

export const guestWorld: WorldParts = {
  directory: '/root',
  stateDirectory: STATE,
  volumes,
  cgroup: {
    requested: () => text(join(CGROUP, 'cgroup.freeze')).startsWith('1'),
    frozen: () => /^frozen 1$/m.test(text(join(CGROUP, 'cgroup.events'))),
  },
  mark: (marker) => {
    for (const { live } of volumes) mark(live, marker);
  },
  liveMarkers: () => volumes.map(({ live }) => readMarker(live)),
  cli: async (args, options?: CliOptions) => cli(args, { stateDirectory: STATE, ...options }),
  start: (args, options?: CliOptions) => startCli(args, { stateDirectory: STATE, ...options }),
  sync: () => {
    tool('sync', '--file-system', STATE, ...volumes.map(({ mount }) => mount));
    tool('sync');
  },
};

const UNIT = `[Unit]
Description=Writers whom the group freezes
[Service]
ExecStart=/usr/bin/sleep infinity
[Install]
WantedBy=multi-user.target
`;

/** Makes the volumes, the group with a first generation, and the units of the boot. */
export async function makeGuestWorld(): Promise<void> {
  tool('mkfs.btrfs', '--quiet', '/dev/disk/by-id/virtio-db');
  tool('mkdir', '-p', '/srv/db');
  writeFileSync('/etc/fstab', `${text('/etc/fstab')}/dev/disk/by-id/virtio-db /srv/db btrfs defaults 0 0\n`);
  tool('mount', '/srv/db');
  tool('btrfs', '--quiet', 'subvolume', 'create', '/srv/db/live');
  tool('zpool', 'create', '-O', 'mountpoint=/srv/wal', 'wal', '/dev/disk/by-id/virtio-wal');
  tool('zfs', 'create', 'wal/live');
  guestWorld.mark('start');
  writeFileSync(join('/etc/systemd/system', WRITERS), UNIT);
  tool('systemctl', 'daemon-reload');
  tool('systemctl', 'enable', '--quiet', '--now', WRITERS);
  await ask('init', '--node', 'host');
  for (const { name, live } of volumes) await ask('volume', 'add', name, '--source', live);
  const names = volumes.flatMap(({ name }) => ['--volume', name]);
  await ask('group', 'create', 'app', ...names, '--freeze-unit', WRITERS);
  await ask('commit', 'app');
  await ask('install-units', '--enable');
  guestWorld.sync();
}

async function ask(...args: readonly string[]): Promise<void> {
  const result = await guestWorld.cli(args);
  if (result.status !== 0) throw new Error(`snapcommit ${args.join(' ')}: ${result.stdout}${result.stderr}`);
}
