/**
 * A file of real blocks beside the store, given up when the disk is full: what frees space (checkpoints, folding), votes and
 * reads then still have room. Rows have none before there is enough for a new ballast.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { assertSpace, WRITE_FLOOR_BYTES } from '../space.js';

export class Ballast {
  readonly #file: string;
  readonly #bytes: number;
  /** Found there, and neither given up nor looked for since: only somebody else can have taken it away. */
  #wasSeen = false;

  constructor(storeFile: string, bytes: number) {
    this.#file = `${storeFile}.ballast`;
    this.#bytes = bytes;
  }

  get isThere(): boolean {
    return this.#bytes === 0 || statSync(this.#file, { throwIfNoEntry: false })?.size === this.#bytes;
  }

  /** Look for it again before the next rows: somebody may have deleted it. */
  doubt(): void {
    this.#wasSeen = false;
  }

  /** Gives the room up. */
  release(): void {
    this.#wasSeen = false;
    rmSync(this.#file, { force: true });
  }

  /** Makes it where there is room for it and as much again as a batch wants. Answers whether it is there. */
  make(): boolean {
    this.#wasSeen ||= this.isThere;
    if (this.#wasSeen) return true;
    const building = `${this.#file}.new`;
    try {
      assertSpace(this.#file, this.#bytes + 4 * WRITE_FLOOR_BYTES);
      this.#fill(building);
      renameSync(building, this.#file);
      return true;
    } catch {
      // Full, or nearly: whatever the reason, there is no ballast, and the caller refuses rows.
      rmSync(building, { force: true });
      return false;
    }
  }

  /** Random bytes: a filesystem that compresses or finds holes gives them blocks all the same. */
  #fill(file: string): void {
    const descriptor = openSync(file, 'w', 0o600);
    try {
      const block = randomBytes(Math.min(this.#bytes, 1 << 20));
      for (let written = 0; written < this.#bytes;)
        written += writeSync(descriptor, block, 0, Math.min(block.length, this.#bytes - written));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}
