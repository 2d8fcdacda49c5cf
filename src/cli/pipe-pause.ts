/** Waiting for a pipe that does not wait by itself (EAGAIN): whoever shares it may have made it so. */

/** How long we sleep before asking a full or an empty pipe again, ms. */
const PAUSE_MS = 5;

export function pauseForPipe(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}
