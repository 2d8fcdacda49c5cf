// test-timeout-seconds: 1800
/**
 * systemd's units in a machine that boots: a timer commits, and after a power cut nothing stands still, recovery runs before
 * whoever uses the volumes, by itself and in a cluster, and what is owed to a stopped unit does not wait for itself.
 */
import t, { type Test } from 'tap';
import { bootGuest, type TestGuest } from './rig.js';

const LIMIT = { timeoutSeconds: 600 };

/** Two btrfs volumes, and a unit that writes to both, says what it sees when it starts, and is stopped for a swap. */
const WORLD = `
for disk in db wal; do
  mkfs.btrfs --quiet /dev/disk/by-id/virtio-$disk
  mkdir -p /srv/$disk
  echo "/dev/disk/by-id/virtio-$disk /srv/$disk btrfs noatime,nofail,x-systemd.device-timeout=600 0 0" >>/etc/fstab
  mount /srv/$disk
  btrfs --quiet subvolume create /srv/$disk/live
  echo old >/srv/$disk/live/marker
done
cat >/etc/systemd/system/writer.service <<'UNIT'
[Service]
ExecStartPre=/bin/sh -c 'cat /srv/db/live/marker /srv/wal/live/marker >/root/seen'
ExecStart=/bin/sh -c 'cd /; while :; do date >/srv/db/live/row; date >/srv/wal/live/row; sleep 0.1; done'
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet --now writer.service
snapcommit init --node a
snapcommit volume add db --source /srv/db/live
snapcommit volume add wal --source /srv/wal/live
snapcommit group create app --volume db wal --freeze-unit writer.service --stop-unit writer.service \\
  --require barrier --stall-limit 5m
snapcommit install-units --enable
mkdir /etc/systemd/system/snapcommit-commit@app.timer.d
printf '[Timer]\\nOnCalendar=\\nOnCalendar=*:*:0/10\\nRandomizedDelaySec=0\\nAccuracySec=1\\n' \\
  >/etc/systemd/system/snapcommit-commit@app.timer.d/often.conf
sync
`;

await t.test('G4 T7 units, in a machine that loses its power', async (t) => {
  const guest = await bootGuest(t, { dataDisks: { db: 384, wal: 384 }, memoryMiB: 1024 });
  await inside(guest, WORLD);

  await t.test('L3 a timer commits, and a second try finds what the first one has committed', async (t) => {
    await inside(guest, 'systemctl daemon-reload && systemctl start snapcommit-commit@app.timer');
    await inside(guest, "until journalctl -u snapcommit-commit@app | grep -q 'no new one was made'; do sleep 1; done");
    await inside(
      guest,
      `systemctl stop snapcommit-commit@app.timer
      while systemctl list-jobs | grep -q snapcommit-commit; do sleep 1; done`,
    );
    t.match(await json(guest, 'list app'), [
      { generation: 1, message: 'by its timer', consistency: { grade: 'barrier' } },
    ]);
    t.equal(((await json(guest, 'list app')) as readonly unknown[]).length, 1);
  });

  await t.test('G1 G4 the power goes while writers stand still', async (t) => {
    await stopAt(guest, 'freeze.frozen', 'snapcommit commit app');
    t.match(await inside(guest, 'cat /sys/fs/cgroup/system.slice/writer.service/cgroup.freeze'), /^1/);
    await cutAndBoot(t, guest);
    t.equal(await inside(guest, 'cat /root/seen'), 'old\nold\n');
    t.equal(((await json(guest, 'list app')) as readonly unknown[]).length, 1, 'nothing was committed');
  });

  await t.test('T7 T16 the power goes in the middle of a swap', async (t) => {
    await swapHalf(t, guest);
    t.equal(
      await inside(guest, 'systemctl is-active writer.service || true'),
      'inactive\n',
      'it was stopped for the swap',
    );
    await cutAndBoot(t, guest);
    t.equal(await inside(guest, 'cat /root/seen'), 'old\nold\n', 'its unit has never seen a mix');
  });

  await t.test('T1 the power goes in the middle of a swap of a cluster’s member', async (t) => {
    await inside(
      guest,
      `snapcommit cluster init --address 127.0.0.1:7420
      snapcommit install-units --enable
      systemctl start snapcommit.service
      until snapcommit status >/dev/null; do sleep 1; done`,
    );
    await swapHalf(t, guest);
    const { daemon, recovery } = await cutAndBoot(t, guest);
    t.ok(daemon.ready > 0 && daemon.ready <= recovery.begun, 'the daemon was ready before the recovery began');
    const log = await inside(guest, 'journalctl -b -o cat -u snapcommit.service');
    t.match(log, /recovered[\s\S]*Started snapcommit\.service/, 'and had published by then');
    t.equal(await inside(guest, 'cat /root/seen'), 'old\nold\n');
  });
});

async function inside(guest: TestGuest, script: string): Promise<string> {
  return guest.must(['sh', '-euc', script], LIMIT);
}

async function json(guest: TestGuest, command: string): Promise<unknown> {
  return JSON.parse(await inside(guest, `snapcommit --json ${command}`));
}

/** Runs a command until it has stopped itself at that point. */
async function stopAt(guest: TestGuest, point: string, command: string): Promise<void> {
  const state = "cut -d ' ' -f 3 /proc/$!/stat";
  await inside(
    guest,
    `sync
    SNAPCOMMIT_STOP_AT=${point} setsid ${command} >/root/said 2>&1 </dev/null &
    until [ "$(${state} || cat /root/said >&2)" = T ]; do sleep 0.2; done`,
  );
}

/** A restore of the first generation that stands still among its exchanges, which run side by side. */
async function swapHalf(t: Test, guest: TestGuest): Promise<void> {
  await inside(guest, 'for disk in db wal; do echo between >/srv/$disk/live/marker; done');
  await stopAt(guest, 'exchange.after-exchange', 'snapcommit restore app@1');
  t.match(await inside(guest, 'cat /srv/*/live/marker'), 'old\n', 'one tree, at least, is exchanged');
}

interface Times {
  /** When systemd began to start it in this boot, and when it was started; in μs of the machine's clock, 0 for never. */
  readonly begun: number;
  readonly ready: number;
}

/** Takes the power and boots; what must hold after every boot is looked at here. */
async function cutAndBoot(t: Test, guest: TestGuest): Promise<{ readonly daemon: Times; readonly recovery: Times }> {
  await guest.cutPower();
  await guest.boot();
  await inside(guest, 'until [ "$(systemctl is-system-running)" != starting ]; do sleep 1; done');
  t.match(
    await inside(guest, 'cat /sys/fs/cgroup/system.slice/writer.service/cgroup.freeze'),
    /^0/,
    'nothing stands still',
  );
  t.equal(await inside(guest, 'ls /var/lib/snapcommit/freeze /var/lib/snapcommit/owed | grep json || true'), '');
  const [daemon, recovery, writer] = [
    await timesOf(guest, 'snapcommit.service'),
    await timesOf(guest, 'snapcommit-recover.service'),
    await timesOf(guest, 'writer.service'),
  ];
  t.ok(recovery.ready > 0 && recovery.ready <= writer.begun, 'recovery was over before the volumes’ user began');
  t.equal(await inside(guest, "systemctl list-units --failed --plain --no-legend 'snapcommit*' writer.service"), '');
  t.match(await json(guest, 'status'), { groups: [{ open: null, pendingPublish: [] }], frozen: [] });
  t.match(await json(guest, 'verify'), { problems: [] });
  return { daemon, recovery };
}

async function timesOf(guest: TestGuest, unit: string): Promise<Times> {
  const value = async (property: string): Promise<number> =>
    Number(await inside(guest, `systemctl show --value -P ${property} ${unit}`));
  return { begun: await value('InactiveExitTimestampMonotonic'), ready: await value('ActiveEnterTimestampMonotonic') };
}
