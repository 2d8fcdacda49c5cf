/**
 * The freezers of one freeze, kept open and watched: looking and thawing while writers stand still must wait neither for
 * paths to be looked up nor for another process. What is open stays the cgroup that it was: once that is removed, also
 * when it was made again under the same path, reading and writing it fail (ENODEV).
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { FileChanges } from '../../native/file-changes.js';
import { yieldProcessor } from '../../native/scheduling.js';
import { cgroupInode, whyNotHeld, type CgroupTarget } from './cgroup-files.js';

interface OpenCgroup {
  readonly target: CgroupTarget;
  readonly freezer: number;
  readonly events: number;
}

const LOOK_MS = 0.02;
const SETTLING_LOOKS = 80;
const pausing = new Int32Array(new SharedArrayBuffer(4));
const bytes = Buffer.alloc(256);

export class OpenFreezers {
  readonly #cgroups: readonly OpenCgroup[];
  readonly #changes: FileChanges;

  private constructor(cgroups: readonly OpenCgroup[], changes: FileChanges) {
    this.#cgroups = cgroups;
    this.#changes = changes;
  }

  /** Opens and watches the freezers. @throws Error when one cannot be. */
  static open(targets: readonly CgroupTarget[]): OpenFreezers {
    const cgroups: OpenCgroup[] = [];
    let changes: FileChanges | null = null;
    try {
      for (const target of targets) cgroups.push(openCgroup(target));
      changes = new FileChanges(targets.map(freezerFile));
      const freezers = new OpenFreezers(cgroups, changes);
      freezers.#rehearse();
      return freezers;
    } catch (error) {
      cgroups.forEach(closeCgroup);
      changes?.close();
      throw error;
    }
  }

  /** Asks the kernel to freeze one of them. @throws Error when it is gone. */
  request(index: number): void {
    const cgroup = this.#cgroups[index];
    if (cgroup !== undefined) writeSync(cgroup.freezer, '1', 0);
  }

  /** Forgets the writes so far: ours, and what others did before everything stood still. Call before `standStill`. */
  beginWitness(): void {
    // Writers have been woken to stop, and some of them need our processor for it.
    yieldProcessor();
    this.#changes.next();
  }

  /** Why they cannot be frozen by us now, each in words; empty when they can. */
  whyNotFree(): readonly string[] {
    return this.#cgroups.flatMap((cgroup) => whyNotFree(cgroup) ?? []);
  }

  /** Whether all stand still. */
  standStill(): boolean {
    return this.#cgroups.every(isHeld);
  }

  /** Looks so often, in close succession, whether all stand still, and answers whether they do. Blocks meanwhile. */
  waitForStandstill(looks: number): boolean {
    for (let look = 0; look < looks; look += 1) {
      // Writers that are on their way to standing still may need this processor.
      Atomics.wait(pausing, 0, 0, LOOK_MS);
      if (this.standStill()) return true;
    }
    return false;
  }

  /** Why waiting for a standstill is in vain; null while it is not. */
  whyNever(): string | null {
    return this.#whoWrote() ?? this.#whyNot(isRequested);
  }

  /** Why the freeze was not unbroken since `beginWitness`; null when it was, of every one. */
  whyBroken(): string | null {
    // While a frozen process is being killed, the kernel does not count its cgroup as frozen for a moment.
    const held = this.standStill() || this.waitForStandstill(SETTLING_LOOKS);
    // Asked after that look: it held then, and whatever ended it before was a write.
    return this.#whoWrote() ?? (held ? null : this.#whyNot(isHeld));
  }

  #whoWrote(): string | null {
    const written = this.#changes.next();
    return written === null ? null : `somebody else wrote to ${written}`;
  }

  #whyNot(holds: (cgroup: OpenCgroup) => boolean): string | null {
    const lost = this.#cgroups.find((cgroup) => !holds(cgroup));
    return lost === undefined
      ? null
      : (whyNotHeld(lost.target) ?? `${lost.target.cgroup} did not stand still for a moment`);
  }

  /** Thaws all. @throws Error when a write fails. */
  letGo(): void {
    for (const cgroup of this.#cgroups) writeSync(cgroup.freezer, '0', 0);
  }

  close(): void {
    this.#cgroups.forEach(closeCgroup);
    this.#changes.close();
  }

  /** Runs what writers will wait for once before, harmlessly: the first run of a function is a slow one. */
  #rehearse(): void {
    const nowhere = openSync('/dev/null', 'r+');
    try {
      const cgroups = this.#cgroups.map(({ target }) => ({ target, freezer: nowhere, events: nowhere }));
      const rehearsal = new OpenFreezers(cgroups, this.#changes);
      for (const index of cgroups.keys()) rehearsal.request(index);
      rehearsal.beginWitness();
      rehearsal.waitForStandstill(1);
      this.whyNotFree();
      this.whyNever();
      rehearsal.letGo();
    } finally {
      closeSync(nowhere);
    }
  }
}

function freezerFile({ directory }: CgroupTarget): string {
  return `${directory}/cgroup.freeze`;
}

function openCgroup(target: CgroupTarget): OpenCgroup {
  const freezer = openSync(freezerFile(target), 'r+');
  try {
    // Where it still is the one, what was opened just before is its freezer.
    if (cgroupInode(target.directory) !== target.inode) throw new Error(`${target.cgroup} was removed and made again`);
    return { target, freezer, events: openSync(`${target.directory}/cgroup.events`, 'r') };
  } catch (error) {
    closeSync(freezer);
    throw error;
  }
}

function closeCgroup({ freezer, events }: OpenCgroup): void {
  closeSync(freezer);
  closeSync(events);
}

function read(file: number): string {
  return bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0));
}

function whyNotFree({ target: { cgroup }, freezer, events }: OpenCgroup): string | null {
  try {
    if (!isOne(freezer) && !isFrozen(events)) return null;
    return `${cgroup} is frozen already, not by this commit (if nothing else should hold it: snapcommit thaw --all)`;
  } catch (error) {
    return `${cgroup} was removed, or its freezer cannot be read: ${String(error)}`;
  }
}

/** Whether a freeze is asked of it. False also where it was removed. */
function isRequested({ freezer }: OpenCgroup): boolean {
  try {
    return isOne(freezer);
  } catch {
    return false;
  }
}

/** Whether it is asked for and stands. False also where it was removed. */
function isHeld({ freezer, events }: OpenCgroup): boolean {
  try {
    return isOne(freezer) && isFrozen(events);
  } catch {
    return false;
  }
}

function isOne(freezer: number): boolean {
  return read(freezer).startsWith('1');
}

function isFrozen(events: number): boolean {
  return read(events).includes('frozen 1');
}
