/**
 * Reads generations again and again until its input ends; then it prints what went wrong as JSON.
 *
 *   generation-reader-process.js path|lookup VOLUME NUMBER...
 *
 * `app@NUMBER` of the volume (a VolumePlace as JSON) has a file with what stands behind the colon (`1:one`). `path` reads
 * the file; `lookup` also asks the driver for the generation's identity, as `open` does, and that stays the same.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver } from '#src/adapters/driver-zfs/index.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';

const [kind = '', volume = '', ...wanted] = process.argv.slice(2);
const place = JSON.parse(volume) as VolumePlace;
const driver = createZfsDriver(createCommandRunner());
const identities = new Map<string, string>();
const problems = new Map<string, number>();
let looks = 0;

async function look(name: string, content: string): Promise<void> {
  const read = readFileSync(join(driver.path(place, name), 'file'), 'utf8');
  if (read !== content) throw new Error(`${name} shows ${read}`);
  if (kind === 'path') return;
  const found = (await driver.lookup(place, name))?.id ?? 'nothing';
  if (found !== (identities.get(name) ?? found)) throw new Error(`${name} is ${found}`);
  identities.set(name, found);
}

const over = new AbortController();
process.stdin.resume().on('end', () => {
  over.abort();
});
while (!over.signal.aborted) {
  const from = performance.now();
  for (const one of wanted) {
    const [number = '', content = ''] = one.split(':');
    await look(`app@${number}`, content).catch((error: unknown) => {
      const problem = String(error);
      problems.set(problem, (problems.get(problem) ?? 0) + 1);
    });
    looks += 1;
  }
  if (looks === wanted.length) process.stdout.write('reading\n');
  // leaves the processor to those who are watched, also where each look takes long
  await pause(Math.max(kind === 'path' ? 3 : 200, 2 * (performance.now() - from)));
}
process.stdout.write(JSON.stringify({ looks, problems: [...problems].slice(0, 20) }));
