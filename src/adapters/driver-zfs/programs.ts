/** Channel programs: Lua that the kernel runs in one transaction group of a pool. Their arguments are given as words. PURE. */

const DONE = -1;
const UNSUPPORTED = -2;

/**
 * DATASET, OLD and NEW of each snapshot. Everything is checked before anything is done. Programs can rename since
 * OpenZFS 2.2.
 */
export const RENAME_ALL = `
if zfs.check.rename_snapshot == nil then return { failed = ${String(UNSUPPORTED)}, errno = 0 } end
local words = (...)["argv"]
for at = 1, #words, 3 do
  local failed = zfs.check.rename_snapshot(words[at], words[at + 1], words[at + 2])
  if failed ~= 0 then return { failed = (at - 1) / 3, errno = failed } end
end
for at = 1, #words, 3 do
  local failed = zfs.sync.rename_snapshot(words[at], words[at + 1], words[at + 2])
  if failed ~= 0 then error("a rename failed that had been checked: " .. failed) end
end
return { failed = ${String(DONE)}, errno = 0 }
`;

/** CLONE: whether it could be promoted now. Changes nothing, but must not run as `-n`: outside of a transaction group ZFS looks at nothing. */
export const CAN_PROMOTE = `
local failed = zfs.check.promote((...)["argv"][1])
if failed ~= 0 then return { failed = 0, errno = failed } end
return { failed = ${String(DONE)}, errno = 0 }
`;

/** DATASET of each: those of them that can be are destroyed, in one transaction group. */
export const DESTROY_EACH = `
for _, name in ipairs((...)["argv"]) do zfs.sync.destroy(name) end
`;

const MEANINGS: Readonly<Record<number, string>> = {
  1: 'operation not permitted',
  2: 'dataset does not exist',
  16: 'dataset is busy',
  17: 'dataset already exists',
  28: 'out of space',
  30: 'the pool is read-only',
};

/** Not done: the snapshot of that number cannot be renamed. */
export type Answer = 'done' | 'unsupported' | { readonly index: number; readonly reason: string };

/** What `zfs program -j` printed of what a program returned. */
export function parseAnswer(output: string): Answer {
  const printed: unknown = JSON.parse(output);
  const failed = numberIn(printed, 'failed');
  const errno = numberIn(printed, 'errno');
  if (failed === DONE) return 'done';
  if (failed === UNSUPPORTED) return 'unsupported';
  return { index: failed, reason: MEANINGS[errno] ?? `errno ${String(errno)}` };
}

function numberIn(printed: unknown, key: string): number {
  const returned = fieldOf(printed, 'return');
  const value = fieldOf(returned, key);
  if (typeof value === 'number') return value;
  throw new TypeError(`zfs program printed ${JSON.stringify(printed)}`);
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).find(([name]) => name === key)?.[1] : null;
}
