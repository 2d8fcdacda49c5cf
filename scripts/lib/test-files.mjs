// The test files there are, and where each of them runs.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { filesBelow, root } from './files.mjs';

/** Rooms of test/ for virtual machines: zfs/ runs inside a guest, vm/ outside of guests that it boots itself. */
const RIG_ROOMS = ['zfs/', 'vm/'];

/**
 * The tests that have a source: compiled leftovers of deleted ones do not run.
 * @param {number} seconds a file's time limit, unless it names its own (`// test-timeout-seconds: 900`)
 * @returns {{ name: string, serial: boolean, isForRig: boolean, timeoutMs: number }[]} `name`: the compiled file below build/test
 */
export function testFiles(seconds) {
  return filesBelow(join(root, 'test'), (path) => path.endsWith('.test.ts')).map((source) => {
    const name = relative(join(root, 'test'), source).replace(/\.ts$/, '.js');
    const limit = /^\/\/ test-timeout-seconds: (\d+)$/m.exec(readFileSync(source, 'utf8'));
    return {
      name,
      serial: name.endsWith('.serial.test.js'),
      isForRig: RIG_ROOMS.some((room) => name.startsWith(room)),
      timeoutMs: Number(limit?.[1] ?? seconds) * 1000,
    };
  });
}
