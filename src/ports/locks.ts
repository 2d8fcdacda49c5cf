/** Kernel locks that die with their holder. Types only. */

export interface HeldLock {
  /** The file descriptor; hand it to a child so that the lock lives as long as the child (see exec). */
  readonly fd: number;
  release(): void;
}

export interface LockHolder {
  readonly pid: number;
  /** The one-letter state of /proc/PID/stat; `T` and `t` are stopped, as is who waits for a stopped one; `D` cannot die now. */
  readonly state: string;
  readonly command: string;
}

export interface KernelLocks {
  /** Takes the lock now, or answers null when somebody else holds it in a way that excludes `mode`. */
  tryAcquire(name: string, mode: 'shared' | 'exclusive'): HeldLock | null;
  /**
   * Waits for the lock; BUSY (naming the holders) after waitMs. `waitedMs`: for so long the caller has waited for it before,
   * as the error is to tell.
   */
  acquire(
    name: string,
    mode: 'shared' | 'exclusive',
    waitMs: number,
    signal?: AbortSignal,
    waitedMs?: number,
  ): Promise<HeldLock>;
  /**
   * Deletes the lock's file, where that can be done: it means nothing. Only for names that nobody will ever take again, such as
   * a decided transaction's.
   */
  forget(name: string): void;
  /** Who holds it now, as far as the kernel tells. */
  holders(name: string): readonly LockHolder[];
  /**
   * SIGKILLs this lock's holders by pidfd and waits until they are gone and the lock is free; BUSY when one cannot die.
   * Never ends ourselves.
   */
  endHolders(name: string, waitMs: number): Promise<void>;
}
