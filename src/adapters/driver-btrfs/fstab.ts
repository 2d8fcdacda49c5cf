/** What /etc/fstab says of a mount point. PURE. */
import { normalize } from 'node:path';

/** Whether `table`, the text of an fstab, mounts `mountPoint` by the subvolume's number. */
export function isMountedById(table: string, mountPoint: string): boolean {
  return table.split('\n').some((line) => {
    const [device, written, , options] = line.trim().split(/[ \t]+/);
    if (device === undefined || device.startsWith('#') || written === undefined) return false;
    const isById = options?.split(',').some((option) => option.startsWith('subvolid=')) ?? false;
    return isById && withoutSlashes(unescape(written)) === withoutSlashes(mountPoint);
  });
}

/** A byte may stand there as three octal digits; a space must. */
function unescape(field: string): string {
  const bytes = Buffer.from(field).toString('latin1');
  const plain = bytes.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
  return Buffer.from(plain, 'latin1').toString();
}

/** Without those that mean nothing. */
function withoutSlashes(path: string): string {
  return normalize(path).replace(/(.)\/$/, '$1');
}
