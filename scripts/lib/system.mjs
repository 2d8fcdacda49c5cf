// What the demo and the benchmark ask of the system alike.
import { readFileSync } from 'node:fs';

/** Where cgroup v2 is mounted. */
export function cgroupMount() {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((entry) => entry.includes(' - cgroup2 '));
  if (line === undefined) throw new Error('no cgroup v2 is mounted here');
  return line.split(' ')[4];
}

/** Tries for five seconds: a process that was killed needs a moment to let go. */
export function retry(action) {
  for (let left = 100; ; left -= 1) {
    try {
      action();
      return;
    } catch (error) {
      if (left === 0) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}
