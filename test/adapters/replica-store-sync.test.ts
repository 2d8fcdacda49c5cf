/** The kernel's own count of what a daemon's store syncs, and what happens when a sync fails or is slow. Needs strace. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createStore } from '#src/adapters/store-sqlite/index.js';
import { openReplicaStore } from '#src/adapters/store-sqlite/replica/index.js';
import { replicaIdentity } from '../contract/replica-store-subject.js';
import { freshDirectory, hasTool, run } from '../log/support.js';

const program = fileURLToPath(new URL('replica-store-process.js', import.meta.url));

/** Of the write-ahead file, and of the database. */
const FOLDING_SYNCS = 2;

function freshStore(t: Test): string {
  const file = join(freshDirectory(t), 'log.sqlite');
  createStore(file, replicaIdentity);
  return file;
}

async function traced(t: Test, args: readonly string[], ...options: readonly string[]) {
  const trace = join(freshDirectory(t), 'trace');
  const strace = ['strace', '-f', '-y', '-o', trace, '-e', 'trace=fsync,fdatasync,write', ...options];
  const ended = await run(t, [...strace, process.execPath, program, ...args]);
  return { ...ended, calls: readFileSync(trace, 'utf8').split('\n') };
}

/** Syncs between two lines that the process said. */
function syncsBetween(calls: readonly string[], from: string, to: string): number {
  const said = (line: string): number =>
    calls.findIndex((call) => new RegExp(`write\\(1<.*"${line}(\\\\n| )`).test(call));
  return calls.slice(said(from), said(to)).filter((call) => /f(data)?sync\(\d/.test(call)).length;
}

t.test('D1 every batch is one sync, and it is acknowledged after it', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const { calls, status } = await traced(t, ['append', freshStore(t), '200']);
  t.equal(status, 0);
  t.equal(syncsBetween(calls, 'opened', 'closing'), 200, '200 batches, 200 syncs');
  for (let n = 1; n < 200; n += 1)
    if (syncsBetween(calls, `done ${String(n)}`, `done ${String(n + 1)}`) !== 1)
      t.fail(`not one sync for batch ${String(n + 1)}`);
});

t.test('many rows and a checkpoint in one batch are one sync, beside those of folding', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const file = freshStore(t);
  await run(t, [process.execPath, program, 'append', file, '20']);
  const { calls, stdout } = await traced(t, ['checkpoint', file]);
  t.match(stdout, /done checkpoint/);
  // Folding begins once it is answered, so it may be seen before the answer is printed: what counts is the whole.
  const opened = calls.findIndex((call) => /write\(1<.*"opened/.test(call));
  const syncs = calls.slice(opened).filter((call) => /f(data)?sync\(\d/.test(call)).length;
  t.equal(syncs, 1 + FOLDING_SYNCS);
});

t.test('D6 after a failed sync the outcome is unknown, and nothing is done any more', async (t) => {
  if (!hasTool(t, 'strace')) return;
  for (const verb of ['append', 'pipeline']) {
    const file = freshStore(t);
    // The start's commit makes the first (the new WAL's header and its directory are fsync's), then one follows for each batch.
    const fault = ['-e', 'inject=fdatasync:error=EIO:when=4'];
    const { stdout } = await traced(t, [verb, file, '6'], ...fault);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => line.replace(' without a turn', ''));
    t.same(lines.slice(0, 7), [
      'opened',
      'done 1',
      'done 2',
      'OUTCOME_UNKNOWN',
      'LOG_LATCHED',
      'LOG_LATCHED',
      'LOG_LATCHED',
    ]);
    const store = await openReplicaStore(file, { ballastBytes: 0 });
    const { last } = (await store.load()).head;
    t.ok(last === 2 || last === 3, 'the batch is there as a whole or not at all');
    await store.close();
  }
});

t.test('D6 what syncs a write was opened before it: the kernel tells whoever came later of no failure', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const { calls } = await traced(t, ['append', freshStore(t), '3'], '-e', 'trace=openat,pwrite64,fdatasync');
  const [, synced = 'none'] = /fdatasync\((\d+)</.exec(calls.find((call) => call.includes('fdatasync(')) ?? '') ?? [];
  const opened = calls.findIndex((call) => new RegExp(`openat\\(.*sqlite-wal".*O_RDONLY.* = ${synced}<`).test(call));
  const written = calls.findIndex((call) => /pwrite64\(\d+<.*sqlite-wal>/.test(call));
  t.ok(opened >= 0 && written >= 0, 'both were seen');
  t.ok(opened < written, `opened by call ${String(opened)}, first written to by call ${String(written)}`);
  const files = new Set(calls.flatMap((call) => /fdatasync\(\d+<([^>]*)>/.exec(call)?.[1] ?? []));
  t.equal(files.size, 1);
});

t.test('a slow sync does not hold up the main thread', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const slow = ['-e', 'inject=fsync,fdatasync:delay_enter=300000'];
  const { stdout } = await traced(t, ['append', freshStore(t), '3'], ...slow);
  t.same(stdout.trim().split('\n'), ['opened', 'done 1', 'done 2', 'done 3', 'closing'], 'it turned during each');
});
