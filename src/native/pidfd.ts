/**
 * Process file descriptors: a handle on one process that a reused pid can never stand in for. Linux 5.3.
 * The calls have no wrapper in older C libraries, so they go through syscall().
 */
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { checkResult, loadLibc } from './library.js';

/** The same on every architecture that Node runs on. */
const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;

type Syscall = (number: number, ...typesAndArguments: readonly (string | number | null)[]) => number;

let syscall: Syscall | undefined;

function loadSyscall(): Syscall {
  syscall ??= loadLibc().func('long syscall(long number, ...)');
  return syscall;
}

/** Opens a handle on a process (close it with closeSync). SystemCallError ESRCH when there is none. Close-on-exec. */
export function pidfdOpen(pid: number): number {
  const result = loadSyscall()(SYS_PIDFD_OPEN, 'int', pid, 'unsigned int', 0);
  return checkResult(result, 'pidfd_open', String(pid));
}

/** Sends a signal to exactly that process. SystemCallError ESRCH when it is gone. */
export function pidfdSendSignal(pidfd: number, signal: NodeJS.Signals): void {
  const number = constants.signals[signal];
  const result = loadSyscall()(SYS_PIDFD_SEND_SIGNAL, 'int', pidfd, 'int', number, 'void *', null, 'unsigned int', 0);
  checkResult(result, 'pidfd_send_signal', signal);
}

/** Runs `use` with a handle on `pid` and closes it. */
export function withPidfd<T>(pid: number, use: (pidfd: number) => T): T {
  const pidfd = pidfdOpen(pid);
  try {
    return use(pidfd);
  } finally {
    closeSync(pidfd);
  }
}
