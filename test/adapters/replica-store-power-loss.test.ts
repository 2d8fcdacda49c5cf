/**
 * D1 A replica's store makes the sync of a commit itself, and has SQLite make only those of folding and of a new
 * write-ahead file. Its calls are traced, and the power is lost between any two of them: what was acknowledged is there, and
 * each batch whole or not at all. Needs strace.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createStore } from '#src/adapters/store-sqlite/index.js';
import { ReplicaEngine } from '#src/adapters/store-sqlite/replica/engine.js';
import { replicaIdentity } from '../contract/replica-store-subject.js';
import { freshDirectory, hasTool, run } from '../log/support.js';
import { callsOf, PowerLoss, TRACE, type Call } from '../support/disk-trace.js';
import { seeded } from '../support/seeded.js';

const program = fileURLToPath(new URL('replica-engine-process.js', import.meta.url));
const ROUNDS = 3;
const LOSSES = 250;
/** The disks that are left are looked at where nobody waits for a real one. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

interface Story {
  readonly file: string;
  readonly before: Buffer;
  readonly calls: readonly Call[];
  /** The last slots of all batches, in order. */
  readonly ends: readonly number[];
}

async function traced(t: Test): Promise<Story> {
  const directory = freshDirectory(t);
  const file = join(directory, 'store', 'log.sqlite');
  mkdirSync(dirname(file));
  createStore(file, replicaIdentity);
  const before = readFileSync(file);
  const acknowledged = join(directory, 'acknowledged');
  const trace = join(directory, 'trace');
  const watched = [dirname(file), file, `${file}-wal`, acknowledged].flatMap((path) => ['-P', path]);
  const command = [process.execPath, program, file, acknowledged, String(ROUNDS)];
  const { status } = await run(t, ['strace', '-o', trace, ...TRACE, ...watched, ...command]);
  t.equal(status, 0);
  const calls = callsOf(readFileSync(trace, 'latin1'));
  return { file, before, calls, ends: calls.flatMap((call) => acknowledgedBy(call) ?? []) };
}

function acknowledgedBy(call: Call): number | null {
  return call.kind === 'written' && basename(call.file) === 'acknowledged' ? Number(call.bytes.toString()) : null;
}

type Below = (limit: number) => number;

/** What is wrong with a store after a power loss behind the call `at`; null: nothing. */
function wrongAfter({ file, before, calls, ends }: Story, at: number, below: Below): string | null {
  const disk = new PowerLoss(dirname(file), new Map([[file, before]]));
  let acknowledged = 0;
  for (const call of calls.slice(0, at + 1)) {
    acknowledged = acknowledgedBy(call) ?? acknowledged;
    disk.take(call);
  }
  const directory = mkdtempSync(join(MEMORY, 'snapcommit-power-loss-'));
  for (const [name, content] of disk.leftBy(below))
    if (dirname(name) === dirname(file)) writeFileSync(join(directory, basename(name)), content);
  try {
    const engine = new ReplicaEngine({ file: join(directory, basename(file)), busyTimeoutMs: 0, ballastBytes: 0 });
    const { head, damaged, checkpoint } = engine.load();
    engine.close();
    if (head.last < acknowledged)
      return `slot ${String(acknowledged)} was acknowledged, and ${String(head.last)} is the last`;
    if (![0, ...ends].includes(head.last)) return `half of a batch is there: ${String(head.last)}`;
    return damaged.length > 0 || checkpoint.kind === 'damaged' ? 'it is damaged' : null;
  } catch (error) {
    return String(error);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

t.test(
  'D1 D2 a power loss anywhere leaves all that was acknowledged, and each batch whole or not at all',
  async (t) => {
    if (!hasTool(t, 'strace')) return;
    const story = await traced(t);
    const { below } = seeded(t);
    const foldings = story.calls.filter(({ kind, file }) => kind === 'synced' && file === story.file).length;
    t.ok(foldings >= ROUNDS, `the write-ahead file was folded ${String(foldings)} times, and begun anew`);
    t.ok(story.ends.length >= 18, `${String(story.ends.length)} batches`);
    const wrong: string[] = [];
    for (let n = 0; n < LOSSES; n += 1) {
      const at = below(story.calls.length);
      const found = wrongAfter(story, at, below);
      if (found !== null) wrong.push(`behind call ${String(at)}: ${found}`);
    }
    t.same(wrong, []);
  },
);

t.test('what a missing sync loses is seen', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const story = await traced(t);
  const { below } = seeded(t);
  const finds = (calls: readonly Call[]): boolean => {
    for (let n = 0; n < LOSSES; n += 1)
      if (wrongAfter({ ...story, calls }, below(calls.length), below) !== null) return true;
    return false;
  };
  const without = (file: string): readonly Call[] =>
    story.calls.filter((call) => call.kind !== 'synced' || call.file !== file);
  t.ok(finds(without(`${story.file}-wal`)), 'of the write-ahead file');
  t.ok(finds(without(dirname(story.file))), 'of its directory');
  t.ok(finds(without(story.file)), 'of the database, before the write-ahead file is written over');
});
