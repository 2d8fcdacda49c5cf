/** What becoming another program and looking after children needs from the C library and Node does not offer. */
import { checkResult, loadKoffi, loadLibc, SystemCallError } from './library.js';

type Foreign = (...values: unknown[]) => number;

const F_SETFD = 2;
const SIG_SETMASK = 2;
const SIGNAL_SET_BYTES = 128;
const LAST_SIGNAL = 64;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const WNOHANG = 1;

function prctl(option: number, argument: number, subject: string): void {
  const call = loadLibc().func('int prctl(int option, ...)') as Foreign;
  checkResult(call(option, 'ulong', argument, 'ulong', 0, 'ulong', 0, 'ulong', 0), 'prctl', subject);
}

/** Replaces this process by another program, keeping its pid. Returns only when it could not: the SystemCallError why. */
export function execute(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): SystemCallError {
  const execve = loadLibc().func('int execve(const char *path, const char **argv, const char **envp)') as Foreign;
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  execve(file, [...args, null], [...variables, null]);
  return new SystemCallError('execve', loadKoffi().errno(), file);
}

/** Clears the close-on-exec flag, which Node sets on every descriptor that it inherits, stdio included. */
export function keepAcrossExec(fd: number): void {
  const fcntl = loadLibc().func('int fcntl(int fd, int command, ...)') as Foreign;
  checkResult(fcntl(fd, F_SETFD, 'int', 0), 'fcntl', `descriptor ${String(fd)}`);
}

/** Undoes what Node ignores (SIGPIPE, SIGXFSZ) and blocks, which a program that we become would inherit. */
export function restoreSignals(): void {
  const signal = loadLibc().func('intptr_t signal(int number, intptr_t handler)') as Foreign;
  // SIGKILL, SIGSTOP and the C library's own two cannot be set: those calls fail, and there is nothing to undo
  for (let number = 1; number <= LAST_SIGNAL; number += 1) signal(number, 0);
  const sigprocmask = loadLibc().func('int sigprocmask(int how, const void *set, void *old)') as Foreign;
  checkResult(sigprocmask(SIG_SETMASK, Buffer.alloc(SIGNAL_SET_BYTES), null), 'sigprocmask', 'empty set');
}

/** Gives up the capabilities that a program which we become would otherwise have. */
export function dropAmbientCapabilities(): void {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 'clear ambient capabilities');
}

/** Makes orphans below us our children (true), or init's again (false). */
export function adoptOrphans(adopt: boolean): void {
  prctl(PR_SET_CHILD_SUBREAPER, adopt ? 1 : 0, 'child subreaper');
}

/** Removes a dead child that Node does not know. Never call it for a child that Node started. */
export function reapAdopted(pid: number): void {
  const waitpid = loadLibc().func('int waitpid(int pid, void *status, int options)') as Foreign;
  waitpid(pid, null, WNOHANG);
}
