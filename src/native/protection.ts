/**
 * What `chattr` says of a file or directory: that nobody may change it, rename it or delete it (immutable), or only add to it
 * (append-only). Of a directory that holds for its names. Setting and clearing it takes root (CAP_LINUX_IMMUTABLE).
 */
import { ioctl, requestRead, requestWrite } from './ioctl.js';
import { SystemCallError } from './library.js';

const FLAGS = 'f'.charCodeAt(0);
/** Of a long, says the number; the kernel reads and writes an int. */
const LONG_BYTES = 8;
const IMMUTABLE = 0x10;
const APPEND_ONLY = 0x20;
const PROTECTING = IMMUTABLE | APPEND_ONLY;
const UNKNOWN_THERE: readonly string[] = ['ENOTTY', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL'];

/** The flags of an open regular file or directory that protect it; 0 where there are none, or its filesystem has no such thing. */
export function protectionOf(fd: number, subject: string): number {
  try {
    return readFlags(fd, subject) & PROTECTING;
  } catch (error) {
    if (error instanceof SystemCallError && UNKNOWN_THERE.includes(error.code)) return 0;
    throw error;
  }
}

/** Gives it these and no others of the two. Throws a SystemCallError. */
export function setProtection(fd: number, protection: number, subject: string): void {
  const flags = Buffer.alloc(LONG_BYTES);
  flags.writeUInt32LE(((readFlags(fd, subject) & ~PROTECTING) | protection) >>> 0);
  ioctl(fd, requestWrite(FLAGS, 2, LONG_BYTES), flags, 'FS_IOC_SETFLAGS', subject);
}

function readFlags(fd: number, subject: string): number {
  const flags = Buffer.alloc(LONG_BYTES);
  ioctl(fd, requestRead(FLAGS, 1, LONG_BYTES), flags, 'FS_IOC_GETFLAGS', subject);
  return flags.readUInt32LE();
}
