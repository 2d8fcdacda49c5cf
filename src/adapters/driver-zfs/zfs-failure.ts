/** A program of ZFS that failed. */

export type ZfsProgram = 'zfs' | 'zpool';

/** A program that ended with another status than 0; `reason` is what it said. */
export class ZfsFailure extends Error {
  readonly reason: string;
  readonly command: string;

  constructor(program: ZfsProgram, args: readonly string[], reason: string) {
    super(`${program} ${args[0] ?? ''}: ${reason}`);
    this.name = 'ZfsFailure';
    this.reason = reason;
    this.command = [program, ...args].join(' ');
  }
}

/** What `zfs get` says of a dataset or a snapshot that is not there. */
export function absent(name: string): ZfsFailure {
  return new ZfsFailure('zfs', ['get', name], `cannot open '${name}': dataset does not exist`);
}
