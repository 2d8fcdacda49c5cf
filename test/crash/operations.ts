/** The operations whose crash points are tried, each with what it leaves to choose from. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openNode, type SnapcommitNode } from '#src/index.js';
import { published } from '../support/check-world.js';
import { readMarker, type WorldParts } from '../support/world.js';

export interface Prepared {
  readonly args: readonly string[];
  /** The markers that the live trees may show afterwards. */
  readonly allowed: readonly string[];
}

export interface CrashOperation {
  readonly name: string;
  /** Brings the world to where the operation can run, and says how to run it. */
  prepare(world: WorldParts): Promise<Prepared>;
}

/** Another process's marks, and those of before a reboot, are others. */
const markedBy = Date.now().toString(36);
let marks = 0;
const nextMark = (): string => `mark-${markedBy}-${String(++marks)}`;
const request = {
  group: 'app',
  message: '',
  labels: {},
  require: null,
  expectGeneration: null,
  requestId: null,
} as const;

export async function withNode<T>(world: WorldParts, use: (node: SnapcommitNode) => Promise<T>): Promise<T> {
  const node = await openNode({ stateDirectory: world.stateDirectory });
  try {
    return await use(node);
  } finally {
    node.close();
  }
}

/** Commits `count` generations, each with a marker of its own. */
export async function commitSome(world: WorldParts, count: number): Promise<void> {
  await withNode(world, async (node) => {
    for (let done = 0; done < count; done += 1) {
      world.mark(nextMark());
      await node.commit({ ...request, signal: new AbortController().signal }, false);
    }
  });
}

const commit: CrashOperation = {
  name: 'commit',
  prepare: async (world) => {
    const mark = nextMark();
    world.mark(mark);
    return Promise.resolve({ args: ['commit', 'app'], allowed: [mark] });
  },
};

function transactArgs(world: WorldParts, mark: string): readonly string[] {
  const script = world.volumes.map(({ live }) => `echo ${mark} > ${live}/marker`).join('; ');
  return ['transact', 'app', '--', '/bin/sh', '-c', script];
}

const transact: CrashOperation = {
  name: 'transact',
  prepare: async (world) => {
    const [before = ''] = world.liveMarkers();
    const mark = nextMark();
    return Promise.resolve({ args: transactArgs(world, mark), allowed: [before, mark] });
  },
};

const restore: CrashOperation = {
  name: 'restore',
  prepare: async (world) => {
    await commitSome(world, 1);
    const before = nextMark();
    world.mark(before);
    const generation = Math.max(...published(world));
    const [first] = world.volumes;
    const wanted = readMarker(join(first?.publish ?? '', `app@${String(generation)}`));
    return { args: ['restore', `app@${String(generation)}`], allowed: [before, wanted] };
  },
};

const prune: CrashOperation = {
  name: 'prune',
  prepare: async (world) => {
    await commitSome(world, 3);
    return { args: ['prune', 'app', '--keep-last', '1'], allowed: world.liveMarkers() };
  },
};

/** Recovery after a crash of another operation at `point`. */
function recoverAfter(first: CrashOperation, point: string): CrashOperation {
  return {
    name: `recover after ${first.name} at ${point}`,
    prepare: async (world) => {
      const { args, allowed } = await first.prepare(world);
      const result = await world.cli(args, { env: { SNAPCOMMIT_CRASH_AT: point } });
      if (result.signal !== 'SIGKILL') throw new Error(`${first.name} did not pass ${point}: ${result.stderr}`);
      return { args: ['recover'], allowed };
    },
  };
}

export const OPERATIONS: readonly CrashOperation[] = [
  commit,
  transact,
  restore,
  prune,
  recoverAfter(commit, 'stage.after'),
  recoverAfter(commit, 'commit.after'),
  recoverAfter(transact, 'swap.checked'),
  recoverAfter(transact, 'exchange.after-exchange'),
  recoverAfter(restore, 'commit.after'),
  recoverAfter(prune, 'retire.after'),
];

/** Runs the operation once, unharmed, and answers every point that it passes as `POINT#COUNT`, in order. */
export async function passesOf(world: WorldParts, operation: CrashOperation): Promise<readonly string[]> {
  const trace = join(world.directory, 'trace');
  rmSync(trace, { force: true });
  const { args } = await operation.prepare(world);
  const result = await world.cli(args, { env: { SNAPCOMMIT_CRASH_TRACE: trace } });
  if (result.status !== 0) throw new Error(`${operation.name} failed: ${result.stdout}${result.stderr}`);
  return readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}
