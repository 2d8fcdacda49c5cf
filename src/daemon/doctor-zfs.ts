/** What `doctor` says of OpenZFS: nobody without ZFS volumes needs it, so its absence is no failure. */
import type { CheckReport } from './reports.js';

const CHECK = 'zfs';
const INSTALL =
  'for ZFS volumes: apt-get install zfsutils-linux zfs-dkms (Debian contrib), zfsutils-linux (Ubuntu), zfs (Fedora, Arch)';

export async function checkZfs(): Promise<CheckReport> {
  const { zfsPresence } = await import('../adapters/driver-zfs/present.js');
  const { hasPrograms, version, isRecent } = await zfsPresence();
  if (!hasPrograms)
    return {
      check: CHECK,
      result: 'ok',
      message: 'OpenZFS is not installed; only ZFS volumes need it',
      advice: INSTALL,
    };
  if (version === null)
    return {
      check: CHECK,
      result: 'warning',
      message: 'OpenZFS is installed, but its kernel module is not loaded',
      advice: 'modprobe zfs; where there is none for this kernel, install zfs-dkms and the headers of the kernel',
    };
  const message = `OpenZFS ${version}`;
  if (isRecent) return { check: CHECK, result: 'ok', message, advice: null };
  return { check: CHECK, result: 'warning', message, advice: 'snapcommit is made for OpenZFS 2.1 and later' };
}
