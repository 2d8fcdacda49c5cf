/** Whether somebody wrote to files, as the kernel noticed it (inotify). */
import { closeSync } from 'node:fs';
import type { ForeignFunction } from './call.js';
import { checkResult, loadLibc } from './library.js';

/** Bits of inotify.h. */
const NON_BLOCKING = 0x800;
const CLOSE_ON_EXEC = 0x80000;
const MODIFIED = 0x2;
const DELETED = 0x400;
/** A record of inotify.h with the longest name. */
const CHANGE_BYTES_MAX = 16 + 256;

interface Calls {
  readonly init: ForeignFunction;
  readonly add: ForeignFunction;
  readonly read: ForeignFunction;
}

let calls: Calls | undefined;

function load(): Calls {
  const libc = loadLibc();
  return (calls ??= {
    init: libc.func('int inotify_init1(int flags)'),
    add: libc.func('int inotify_add_watch(int fd, const char *path, uint32_t mask)'),
    read: libc.func('intptr_t read(int fd, void *buffer, size_t count)'),
  });
}

export class FileChanges {
  readonly #fd: number;
  readonly #read: ForeignFunction;
  readonly #buffer = Buffer.alloc(4096);
  /** By watch descriptor. */
  readonly #paths = new Map<number, string>();

  /** Watches these files from now on. @throws SystemCallError */
  constructor(paths: readonly string[]) {
    const { init, add, read } = load();
    this.#read = read;
    this.#fd = checkResult(init(NON_BLOCKING | CLOSE_ON_EXEC), 'inotify_init1', '');
    try {
      for (const path of paths)
        this.#paths.set(checkResult(add(this.#fd, path, MODIFIED | DELETED), 'inotify_add_watch', path), path);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /**
   * A file that was written to, or deleted, since the last call; null when none was. Every write that came before the
   * call is seen, and all of them count as told.
   */
  next(): string | null {
    let found: string | null = null;
    for (;;) {
      const length = this.#read(this.#fd, this.#buffer, this.#buffer.length);
      if (length > 0) found ??= this.#paths.get(this.#buffer.readInt32LE(0)) ?? 'one of too many changes';
      // Where another one would have had room there is none.
      if (length < this.#buffer.length - CHANGE_BYTES_MAX) return found;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
