/**
 * flock(2): locks that belong to an open file description. They are shared with every process that inherited the
 * descriptor, and end when the last copy of it is closed, whichever way its holders died.
 */
import { checkResult, loadLibc, SystemCallError } from './library.js';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

let flock: ((fd: number, operation: number) => number) | undefined;

/** Takes the lock without waiting; false when it is held in a way that excludes `mode`. SystemCallError otherwise. */
export function tryFlock(fd: number, mode: 'shared' | 'exclusive'): boolean {
  flock ??= loadLibc().func('int flock(int fd, int operation)');
  const operation = (mode === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB;
  try {
    checkResult(flock(fd, operation), 'flock', `descriptor ${String(fd)}`);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EWOULDBLOCK') return false;
    if (error instanceof SystemCallError && error.code === 'EAGAIN') return false;
    throw error;
  }
}
