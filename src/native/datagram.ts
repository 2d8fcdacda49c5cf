/** Sending to a unix datagram socket, which Node cannot: how systemd is told how a service is. */
import { closeSync } from 'node:fs';
import { checkResult, loadLibc } from './library.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const FAMILY_BYTES = 2;
const PATH_BYTES_MAX = 107;

/**
 * Sends one message. `path` is absolute, or begins with `@` (a name without a file). SystemCallError where nobody listens.
 */
export function sendDatagram(path: string, message: string): void {
  const libc = loadLibc();
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const sendto = libc.func(
    'long sendto(int fd, const uint8_t *message, size_t length, int flags, const uint8_t *address, uint32_t size)',
  );
  const fd = checkResult(Number(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), 'socket', path);
  try {
    const bytes = Buffer.from(message);
    const address = addressOf(path);
    const sent = Number(sendto(fd, bytes, bytes.length, MSG_NOSIGNAL, address, address.length));
    checkResult(sent, 'sendto', path);
  } finally {
    closeSync(fd);
  }
}

/** A sockaddr_un of exactly the length that is used. */
function addressOf(path: string): Buffer {
  const name = Buffer.from(path);
  if (name.length > PATH_BYTES_MAX) throw new RangeError(`the socket's path ${path} is too long`);
  const address = Buffer.alloc(FAMILY_BYTES + name.length + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, FAMILY_BYTES);
  // A name without a file begins with a zero byte, and ends with its last.
  if (!path.startsWith('@')) return address;
  address[FAMILY_BYTES] = 0;
  return address.subarray(0, FAMILY_BYTES + name.length);
}
