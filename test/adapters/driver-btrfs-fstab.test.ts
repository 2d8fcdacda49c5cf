/** How /etc/fstab may write the mount point of a volume that it mounts by its number. */
import t from 'tap';
import { isMountedById } from '#src/adapters/driver-btrfs/fstab.js';

const byId = (mountPoint: string): string => `LABEL=data ${mountPoint} btrfs noatime,subvolid=256 0 0\n`;

t.test('a mount point is known however it is written', (t) => {
  t.ok(isMountedById(byId('/srv/db'), '/srv/db'));
  t.ok(isMountedById(`# disks\n\n\t${byId('/srv/db')}`, '/srv/db'));
  t.ok(isMountedById(byId('/srv/db/'), '/srv/db'), 'a slash at its end means nothing');
  t.ok(isMountedById(byId('/srv//db//'), '/srv/db'), 'nor do more of them');
  t.ok(isMountedById(byId('/srv/my\\040db'), '/srv/my db'), 'a space is escaped');
  t.ok(isMountedById(byId('/srv/a\\011b\\134040'), '/srv/a\tb\\040'), 'each escape counts once');
  t.ok(isMountedById(byId('/srv/caf\\303\\251'), '/srv/café'), 'bytes of UTF-8');
  t.ok(isMountedById(byId('/srv/café'), '/srv/café'));
  t.end();
});

t.test('whatever else stands there is none', (t) => {
  t.notOk(isMountedById('', '/srv/db'));
  t.notOk(isMountedById(byId('/srv/db2'), '/srv/db'));
  t.notOk(isMountedById(`#${byId('/srv/db')}`, '/srv/db'));
  t.notOk(isMountedById('LABEL=data /srv/db btrfs subvol=live 0 0', '/srv/db'), 'by its name');
  t.notOk(isMountedById('LABEL=data /srv/db btrfs', '/srv/db'), 'without options');
  t.notOk(isMountedById(byId('none'), '/srv/db'));
  t.end();
});
