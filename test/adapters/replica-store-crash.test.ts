/** Daemons that die at the store's effect boundaries, and what the next one finds. */
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createStore } from '#src/adapters/store-sqlite/index.js';
import { openReplicaStore } from '#src/adapters/store-sqlite/replica/index.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Loaded } from '#src/ports/replica-store.js';
import { write } from '../contract/replica-store.js';
import { bytesOf, numbered, replicaIdentity } from '../contract/replica-store-subject.js';
import { freshDirectory, run } from '../log/support.js';

const program = fileURLToPath(new URL('replica-store-process.js', import.meta.url));

function freshStore(t: Test): string {
  const file = join(freshDirectory(t), 'log.sqlite');
  createStore(file, replicaIdentity);
  return file;
}

async function loaded(file: string): Promise<Loaded> {
  const store = await openReplicaStore(file, { ballastBytes: 0 });
  const loaded = await store.load();
  await store.close();
  return loaded;
}

t.test(
  'D1 killed at the sync of a batch: before it nothing of it is there, after it all, and nobody was told',
  async (t) => {
    for (const [point, kept] of [
      ['log.before-sync#5', 3],
      ['log.after-sync#5', 4],
    ] as const) {
      const file = freshStore(t);
      // The first pass is the start itself.
      const died = await run(t, [process.execPath, program, 'append', file, '9'], { SNAPCOMMIT_CRASH_AT: point });
      t.equal(died.signal, 'SIGKILL');
      t.equal(died.stdout.split('\n').filter((line) => line.startsWith('done')).length, 3);
      const { head, damaged, life } = await loaded(file);
      t.same([head.last, damaged, life.starts, life.startedAt], [kept, [], 2, kept], point);
    }
  },
);

t.test('D1 kill -9 at any moment loses nothing that was acknowledged', async (t) => {
  const file = freshStore(t);
  let told = 0;
  for (const wanted of [1, 7, 70]) {
    const child = spawn(process.execPath, [program, 'append', file, '100000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    let lines = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith('done')) lines += 1;
      if (lines === wanted) child.kill('SIGKILL');
    }
    const { head, damaged } = await loaded(file);
    t.ok(head.last >= told + lines, `${String(told + lines)} were told, ${String(head.last)} are there`);
    t.same(damaged, []);
    told = head.last;
  }
});

t.test('P7 killed while a checkpoint is installed, the store is the old one or the new one', async (t) => {
  const peer = freshStore(t);
  const store = await openReplicaStore(peer, { ballastBytes: 0 });
  await store.persist({
    writes: [write(1, 30, ...numbered(1, 30))],
    archive: [{ kind: 'put', group: 'app', generation: 1, bytes: bytesOf('of the peer') }],
    applied: slot(30),
    checkpoint: { bytes: new Uint8Array(600_000), keep: 0 },
  });
  await store.close();
  const seen = new Set<number>();
  // Passes: the start here, the start of the peer's store, the install. A last one is never reached.
  for (const point of ['log.before-sync#2', 'log.before-sync#3', 'log.after-sync#3', 'log.before-sync#9']) {
    const file = freshStore(t);
    await run(t, [process.execPath, program, 'append', file, '3']);
    await run(t, [process.execPath, program, 'install', file, peer], {
      SNAPCOMMIT_CRASH_AT: point,
    });
    const after = await openReplicaStore(file, { ballastBytes: 0 });
    const { head, checkpoint, identity } = await after.load();
    const archived = await after.archived('app', 1);
    seen.add(head.last);
    if (head.last === 3) t.same([head.checkpoint, checkpoint.kind, archived], [0, 'none', undefined], point);
    else t.same([head.base, head.last, checkpoint.kind, archived?.length], [30, 30, 'whole', 11], point);
    t.equal(identity.node, 'alpha');
    t.same((await after.scrub()).damaged, []);
    await after.close();
    t.notOk(existsSync(`${file}.install`), 'nothing is left of what came');
  }
  t.same(
    [...seen].sort((a, b) => a - b),
    [3, 30],
    'both were met',
  );
});

t.test('what a process left of a checkpoint that came in is swept', async (t) => {
  const file = freshStore(t);
  writeFileSync(`${file}.install`, 'half');
  await loaded(file);
  t.notOk(existsSync(`${file}.install`));
});
