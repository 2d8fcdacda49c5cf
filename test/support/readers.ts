/** Readers beside a world: processes that look without pause, and what they saw. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { World } from './world.js';

export interface Sightings {
  readonly looks: number;
  /** How many different generations were seen. */
  readonly generations: number;
  /** Mixes, generations that changed, steps backwards, failed looks; the first twenty. */
  readonly problems: readonly string[];
}

/**
 * On a single slow processor readers that hardly pause would leave too little to what they are to see. Not for who opens:
 * it may be publishing, and everybody waits for it then.
 */
const VIEWERS_NICENESS = 5;

/** Starts a reader; the answer stops it and tells what it saw. */
export function startReader(t: Test, world: World, kind: 'view' | 'open'): () => Promise<Sightings> {
  const main = join(import.meta.dirname, 'reader-process.js');
  const volumes = world.volumes.map(({ name }) => name);
  const child = spawn(process.execPath, [main, kind, world.stateDirectory, ...volumes], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  if (kind === 'view' && child.pid !== undefined) setPriority(child.pid, VIEWERS_NICENESS);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const closed = once(child, 'close');
  return async () => {
    child.stdin.end();
    await closed;
    return parse(output);
  };
}

function parse(text: string): Sightings {
  const seen: unknown = JSON.parse(text);
  if (!isSightings(seen)) throw new Error(`a reader printed ${text}`);
  return seen;
}

function isSightings(value: unknown): value is Sightings {
  return typeof value === 'object' && value !== null && 'looks' in value && 'problems' in value;
}
