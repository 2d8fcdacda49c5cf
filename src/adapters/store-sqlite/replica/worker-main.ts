/** The worker's entry: takes requests in their order, answers each, and folds the write-ahead file when nobody waits. */
import { parentPort, workerData } from 'node:worker_threads';
import { assertInvariant } from '../../../errors.js';
import { ReplicaEngine, type EngineOptions } from './engine.js';
import { BatchUnpacker } from './packing.js';
import {
  failureOf,
  type Failure,
  type Operation,
  type PersistRequest,
  type Request,
  type Response,
} from './protocol.js';

const port = parentPort;
assertInvariant(port !== null, 'types', 'this file is a worker, not a program');

function answer(response: Response): void {
  port?.postMessage(response);
}

/** Request 0 is the opening itself. */
function open(): ReplicaEngine | null {
  try {
    const engine = new ReplicaEngine(workerData as EngineOptions);
    answer({ id: 0, ok: true, value: engine.life });
    return engine;
  } catch (error) {
    answer({ id: 0, ok: false, failure: failureOf(error), refusals: 0 });
    return null;
  }
}

const unpacker = new BatchUnpacker();
let refusals = 0;
let lastRefusal: Failure | null = null;
const engine = open();

if (engine === null) port.close();
else
  port.on('message', (request: Request | PersistRequest) => {
    if ('id' in request) {
      answer(perform(engine, request));
      if (request.operation === 'close') port.close();
    } else {
      answer(persist(engine, request));
      engine.foldWhenDue();
    }
  });

function perform(on: ReplicaEngine, { id, operation, args }: Request): Response {
  try {
    // The compiler cannot see that an operation and its arguments belong together; protocol.ts pairs them.
    const operations = on as unknown as Readonly<Record<Operation, (...given: readonly unknown[]) => unknown>>;
    return { id, ok: true, value: operations[operation](...args) };
  } catch (error) {
    return { id, ok: false, failure: failureOf(error), refusals };
  }
}

function persist(on: ReplicaEngine, [id, refusalsKnown, packed]: PersistRequest): Response {
  // Also of a batch that is refused: the next one says only what is new.
  const batch = unpacker.unpack(packed);
  // What was handed over behind a refused batch builds on rows that are not there.
  if (lastRefusal !== null && refusalsKnown < refusals) return { id, ok: false, failure: lastRefusal, refusals };
  try {
    return [id, on.persist(batch).batches];
  } catch (error) {
    const failure = failureOf(error);
    // After a failed sync the store itself answers whatever follows.
    if (!isOpen(failure)) [refusals, lastRefusal] = [refusals + 1, failure];
    return { id, ok: false, failure, refusals };
  }
}

function isOpen(failure: Failure): boolean {
  return failure.kind === 'expected' && failure.code === 'OUTCOME_UNKNOWN';
}
