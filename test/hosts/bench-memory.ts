/**
 * One commit of a thousand volumes of three nodes whose drivers and small files are in memory, in one process: what remains
 * is the coordinator's and the participants' own work, with a real log and real kernel locks.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryDriver } from '#src/adapters/driver-memory/index.js';
import { createMemoryNodeFiles } from '#src/adapters/node-files-memory.js';
import { systemClock } from '#src/adapters/clock-system.js';
import { capture } from '#src/coordinator/commit.js';
import { contextOver, initNode } from '#src/daemon/compose.js';
import { openLog } from '#src/daemon/open-log.js';
import type { Context } from '#src/participant/context.js';
import { LocalParticipant } from '#src/participant/local-participant.js';
import type { Participant } from '#src/ports/participant.js';
import type { ReplicatedLog } from '#src/ports/log.js';
import { atMost, type Row } from './bench-table.js';

const VOLUMES = 1_000;
const NODES = ['a', 'b', 'c'];

export async function measureMemory(rounds: number): Promise<Row> {
  const directory = mkdtempSync(join(tmpdir(), 'snapcommit-bench-'));
  try {
    const stateDirectory = join(directory, 'a');
    await initNode({ stateDirectory, node: 'a' });
    const { log } = await openLog({
      stateDirectory,
      clock: systemClock,
      logTimeoutMs: 10_000,
      commandTimeoutMs: null,
      stale: false,
    });
    try {
      const context = await makeNodes(directory, log);
      const times: number[] = [];
      for (let round = 0; round < rounds; round += 1) times.push(await commitOnce(context));
      return atMost(`one commit of ${String(VOLUMES)} volumes of 3 nodes, drivers in memory`, times, 1_000);
    } finally {
      log.close();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The context of the first node; all three share the log. */
async function makeNodes(directory: string, log: ReplicatedLog): Promise<Context> {
  const driver = createMemoryDriver();
  const participants = new Map<string, Participant>();
  const contexts = NODES.map((node) => {
    const stateDirectory = join(directory, node);
    const files = createMemoryNodeFiles();
    files.addDirectory(stateDirectory);
    mkdirSync(join(stateDirectory, 'locks'), { recursive: true, mode: 0o700 });
    const base = contextOver(log, { stateDirectory });
    const context: Context = {
      ...base,
      files,
      self: { ...base.self, node },
      driver: async () => driver,
      participant: async (name) => {
        const found = participants.get(name);
        if (found === undefined) throw new Error(`no node ${name}`);
        return found;
      },
    };
    participants.set(node, new LocalParticipant(context));
    return { context, files };
  });
  for (let number = 0; number < VOLUMES; number += 1) {
    const index = number % NODES.length;
    const name = `v${String(number)}`;
    const [source, publishDirectory] = [`/memory/${name}`, `/memory/.snapcommit/${name}`];
    driver.world.addVolume(source);
    contexts[index]?.files.addDirectory(publishDirectory);
    const node = NODES[index] ?? '';
    await log.append({
      type: 'addVolume',
      volume: { name, node, driver: 'memory', source, publishDirectory, filesystem: name },
    });
    await driver.prepare({ name, source, publishDirectory });
  }
  await log.append({
    type: 'createGroup',
    group: {
      name: 'app',
      volumes: Array.from({ length: VOLUMES }, (_, number) => `v${String(number)}`).sort(),
      freezeCgroups: [],
      freezeUnits: [],
      stopUnits: [],
      require: null,
      stallLimitMs: 5_000,
      preHooks: [],
      postHooks: [],
    },
  });
  const [first] = contexts;
  if (first === undefined) throw new Error('there are nodes');
  return first.context;
}

async function commitOnce(context: Context): Promise<number> {
  const began = performance.now();
  await capture(context, {
    group: 'app',
    message: '',
    labels: {},
    require: null,
    expectGeneration: null,
    requestId: null,
    signal: new AbortController().signal,
  });
  return performance.now() - began;
}
