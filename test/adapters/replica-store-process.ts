/**
 * A daemon's store in a process of its own, for the tests that count its syncs, fail them, or kill it.
 *   replica-store-process.js append FILE COUNT · pipeline FILE COUNT · checkpoint FILE · install FILE PEER-FILE
 * It prints one line for every answer, after the answer: what was printed was acknowledged.
 */
import { writeSync } from 'node:fs';
import { openReplicaStore } from '#src/adapters/store-sqlite/replica/index.js';
import { SnapcommitError } from '#src/errors.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { ReplicaStore, StoreBatch } from '#src/ports/replica-store.js';
import { entry } from '../contract/log-store.js';
import { write } from '../contract/replica-store.js';
import { bytesOf, chunksOf, stage } from '../contract/replica-store-subject.js';

const [verb = '', file = '', argument = '0'] = process.argv.slice(2);

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

/** How often the main thread came round while a batch was under way. */
let turns = 0;
const timer = setInterval(() => (turns += 1), 1);

async function tell(store: ReplicaStore, name: string, batch: StoreBatch): Promise<void> {
  const before = turns;
  try {
    await store.persist(batch);
    say(`done ${name}${turns > before ? '' : ' without a turn'}`);
  } catch (error) {
    if (!(error instanceof SnapcommitError)) throw error;
    say(error.code);
  }
}

async function append(store: ReplicaStore): Promise<void> {
  let { last } = (await store.load()).head;
  for (let n = 1; n <= Number(argument); n += 1) {
    await tell(store, String(n), { writes: [write(last + 1, last, entry('x'.repeat(512)))], applied: last });
    last = slot(last + 1);
  }
}

/** All batches are handed over at once. */
async function pipeline(store: ReplicaStore): Promise<void> {
  const { last } = (await store.load()).head;
  const batches = Array.from({ length: Number(argument) }, (_, n) => write(last + 1 + n, 0, entry(String(n))));
  await Promise.all(batches.map((one, n) => tell(store, String(n + 1), { writes: [one] })));
}

async function checkpoint(store: ReplicaStore): Promise<void> {
  const { decided } = (await store.load()).head;
  await tell(store, 'checkpoint', { applied: decided, checkpoint: { bytes: bytesOf('state'), keep: 0 } });
}

async function install(store: ReplicaStore): Promise<void> {
  const peer = await openReplicaStore(argument, { ballastBytes: 0 });
  const { slot: at, configuration } = await stage(store, await chunksOf(peer));
  await peer.close();
  await tell(store, 'install', { writes: [{ ...write(at + 1, at), configuration, install: at }] });
}

const verbs: Readonly<Record<string, (store: ReplicaStore) => Promise<void>>> = {
  append,
  pipeline,
  checkpoint,
  install,
};
const store = await openReplicaStore(file, { ballastBytes: 0 });
say('opened');
await verbs[verb]?.(store);
say('closing');
clearInterval(timer);
await store.close();
