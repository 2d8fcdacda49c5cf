/** Stands in for systemd: a datagram socket that a test binds, and that hears what a daemon tells. */
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { checkResult, loadLibc } from '#src/native/library.js';
import { temporaryDirectory } from './temp.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

export interface NotifySocket {
  readonly path: string;
  /** The next message; null when there is none yet. */
  next(): string | null;
}

/** `name`: in a new directory; one that begins with `@` is a name without a file. */
export function listen(t: Test, name: string): NotifySocket {
  const path = name.startsWith('@') ? name : join(temporaryDirectory(t, 'notify'), name);
  const libc = loadLibc();
  const bind = libc.func('int bind(int fd, const uint8_t *address, uint32_t size)');
  const receive = libc.func('long recv(int fd, uint8_t *buffer, size_t size, int flags)');
  const fd = checkResult(Number(libc.func('int socket(int, int, int)')(AF_UNIX, SOCK_DGRAM, 0)), 'socket', path);
  t.teardown(() => {
    closeSync(fd);
  });
  const named = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(path.replace(/^@/, '\0'))]);
  checkResult(Number(bind(fd, named, named.length)), 'bind', path);
  return {
    path,
    next() {
      const buffer = Buffer.alloc(4096);
      const size = Number(receive(fd, buffer, buffer.length, MSG_DONTWAIT));
      return size < 0 ? null : buffer.toString('utf8', 0, size);
    },
  };
}
