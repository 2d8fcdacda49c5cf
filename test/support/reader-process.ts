/**
 * A reader that looks again and again, as fast as it can, until its input ends; then it prints what it saw as one JSON
 * document (the shape of Sightings in readers.ts).
 *
 *   reader-process.js view|open STATE_DIRECTORY VOLUME...
 *
 * `view` resolves the group's view once a look and stays inside; `open` asks the library.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openNode } from '#src/index.js';

interface Look {
  readonly generation: number;
  readonly markers: readonly string[];
}

const [kind = '', stateDirectory = '', ...volumes] = process.argv.slice(2);
const views = join(stateDirectory, 'views', 'app');
const generations = new Map<number, string>();
const problems: string[] = [];
let looks = 0;
let newest = 0;
const share = Number(process.env['SNAPCOMMIT_TEST_SHARE'] ?? 1);
/** Bursts of the view's cheap looks; a pause now and then leaves the processor to those who are watched. */
const PAUSE_MS = Math.round((kind === 'view' ? 2 : 20) / share);
/** Where the machine is slow, a reader rests so many times as long as it looked; not so where it waited for somebody. */
const REST = share < 1 ? 4 : 0;
const LONGEST_REST_MS = 2000;
const over = new AbortController();

function lookAtView(): Look {
  const name = readlinkSync(join(views, 'current'));
  const markers = volumes.map((volume) => readFileSync(join(views, name, volume, 'marker'), 'utf8'));
  return { generation: Number(name.split('@')[1]), markers };
}

async function lookByOpen(): Promise<Look> {
  const node = await openNode({ stateDirectory });
  try {
    const opened = await node.open({ group: 'app', generation: null, hold: null });
    const markers = volumes.map((volume) => readFileSync(join(opened.volumes[volume]?.path ?? '', 'marker'), 'utf8'));
    return { generation: opened.generation, markers };
  } finally {
    node.close();
  }
}

function judge({ generation, markers }: Look): void {
  const shown = `app@${String(generation)} shows ${markers.join(' and ')}`;
  if (new Set(markers).size !== 1) problems.push(`a mix: ${shown}`);
  const before = generations.get(generation);
  if (before !== undefined && before !== markers[0]) problems.push(`${shown}, but showed ${before} before`);
  if (generation < newest) problems.push(`${shown} after app@${String(newest)} was seen`);
  newest = Math.max(newest, generation);
  generations.set(generation, markers[0] ?? '');
}

process.stdin.on('end', () => {
  over.abort();
});
process.stdin.resume();

let began = performance.now();
while (!over.signal.aborted) {
  try {
    judge(kind === 'view' ? lookAtView() : await lookByOpen());
  } catch (error) {
    problems.push(String(error));
  }
  looks += 1;
  if (kind === 'view' && looks % 100 > 0) continue;
  const rest = Math.min(LONGEST_REST_MS, REST * (performance.now() - began));
  await pause(Math.max(PAUSE_MS, rest));
  began = performance.now();
}
process.stdout.write(JSON.stringify({ looks, generations: generations.size, problems: problems.slice(0, 20) }));
