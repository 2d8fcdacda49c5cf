/** A small filesystem in a file, for a member's state directory: it can be full without harm to the machine. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const SIZE = 128 << 20;
const BLOCK = 1 << 20;

export class Disk {
  readonly place: string;
  readonly #image: string;
  #mounted = false;

  constructor(directory: string, name: string) {
    this.place = join(directory, name);
    this.#image = join(directory, `${name}.img`);
  }

  make(): void {
    mkdirSync(this.place, { recursive: true });
    closeSync(openSync(this.#image, 'w'));
    truncateSync(this.#image, SIZE);
    execFileSync('mkfs.ext4', ['-q', '-m', '0', this.#image], { stdio: 'ignore' });
    execFileSync('mount', ['-o', 'loop', this.#image, this.place]);
    this.#mounted = true;
  }

  get #ballast(): string {
    return join(this.place, 'ballast');
  }

  /** Takes all the room that is left. */
  fill(): void {
    const file = openSync(this.#ballast, 'w');
    try {
      for (let size = BLOCK; size >= 4096; size /= 2) {
        const bytes = Buffer.alloc(size);
        while (hasRoomFor(file, bytes));
      }
    } finally {
      closeSync(file);
    }
  }

  relieve(): void {
    rmSync(this.#ballast, { force: true });
  }

  remove(): void {
    if (!this.#mounted) return;
    this.#mounted = false;
    execFileSync('umount', ['--lazy', this.place]);
  }
}

function hasRoomFor(file: number, bytes: Uint8Array): boolean {
  try {
    return writeSync(file, bytes) === bytes.length;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}
