/** The log through the daemon's socket: the same answers as without it, and what becomes of bad input. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { framed } from '#src/daemon/local-api/protocol.js';
import { OPEN_REQUESTS_MAX } from '#src/daemon/local-api/served-connection.js';
import type { ServedLog } from '#src/daemon/local-api/service.js';
import { SnapcommitError } from '#src/errors.js';
import { slot } from '#src/paxos/contiguous-log.js';
import { encodeCbor } from '#src/wire/cbor.js';
import { FrameDecoder } from '#src/wire/frames.js';
import { commitGeneration, freshLog, refusedOperation, volumeNamed } from '../log/support.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';
import { logWith, remote, serve, stateDirectoryOf } from './support.js';

t.test('every method of the log answers through the socket as it does without it', async (t) => {
  const { log } = await freshLog(t);
  const { stateDirectory } = await serve(t, log);
  const far = await remote(t, stateDirectory);
  t.match(await far.append(volumeNamed('a')), { status: 'chosen', slot: 1, outcome: { ok: true } });
  t.same(await far.append(refusedOperation), await reslotted(log.append(refusedOperation), 2));
  t.match(await commitGeneration(far), { ok: true, generation: 1 });
  t.same(await far.read(), await log.read());
  t.same(await far.generation('app', 1), await log.generation('app', 1));
  t.equal(await far.generation('app', 2), undefined);
  t.equal(await far.generation('none', 1), undefined);
  t.same(await far.generations('app'), await log.generations('app'));
  await far.checkpoint();
  t.same(await far.status(), await log.status());
  t.equal(await far.scrub(), await log.scrub());
  t.same(far.identity, log.identity);
});

t.test('what the log rejects with comes through with its code and details', async (t) => {
  const full = new SnapcommitError('STORE_FULL', 'the disk is full', { file: 'x' });
  const broken = async (): Promise<never> => Promise.reject(new TypeError('a bug'));
  const log = logWith({ append: async () => Promise.reject(full), scrub: broken });
  const { stateDirectory } = await serve(t, log);
  const far = await remote(t, stateDirectory);
  await t.rejects(far.append(volumeNamed('a')), {
    code: 'STORE_FULL',
    message: 'the disk is full',
    details: { file: 'x' },
  });
  await t.rejects(far.scrub(), { message: 'the daemon failed: a bug' });
});

t.test('what cannot be an entry is refused before it is sent', async (t) => {
  const { stateDirectory } = await serve(t, logWith({}));
  const far = await remote(t, stateDirectory);
  const labels = JSON.parse('{"__proto__": "x"}') as Record<string, string>;
  await t.rejects(far.append({ ...volumeNamed('a'), labels } as never), { message: /labels/ });
});

t.test('an unchanged state is not sent again', async (t) => {
  const { log } = await freshLog(t);
  await log.append(volumeNamed('a'));
  const { stateDirectory } = await serve(t, log);
  const far = await remote(t, stateDirectory);
  const first = await far.read();
  t.equal(await far.read(), first, 'the very same object');
  await log.append(volumeNamed('b'));
  const second = await far.read();
  t.not(second, first);
  t.same(second, await log.read());
});

t.test('many requests at once are answered, each with its own answer', async (t) => {
  const { log } = await freshLog(t);
  const { stateDirectory } = await serve(t, log);
  const far = await remote(t, stateDirectory);
  await far.read();
  const results = await Promise.all(
    Array.from({ length: 300 }, async (_, n) => far.append(volumeNamed(`v${String(n)}`))),
  );
  const slots = results.map((result) => (result.status === 'chosen' ? result.slot : 0));
  t.same(
    [...slots].sort((a, b) => a - b),
    Array.from({ length: 300 }, (_, n) => n + 1),
  );
  t.equal(Object.keys((await far.read()).volumes).length, 300);
});

t.test('nobody else may open the socket; one that a dead daemon left is replaced', async (t) => {
  const stateDirectory = stateDirectoryOf(t);
  const { log } = await freshLog(t);
  const file = join(stateDirectory, 'daemon.sock');
  writeFileSync(file, 'left behind');
  const { server } = await serve(t, log, stateDirectory);
  t.ok(statSync(file).isSocket());
  t.equal(statSync(file).mode & 0o777, 0o600);
  await remote(t, stateDirectory);
  await server.close();
  t.equal(statSync(file, { throwIfNoEntry: false }), undefined, 'a daemon that ends takes it away');
  await t.rejects(remote(t, stateDirectory), { code: 'UNAVAILABLE', message: /snapcommit daemon/ });
});

t.test('a state directory may have a longer path than a socket’s address holds', async (t) => {
  const stateDirectory = join(temporaryDirectory(t, 'daemon'), 'x'.repeat(120));
  mkdirSync(stateDirectory, { mode: 0o700 });
  const { log } = await freshLog(t);
  await serve(t, log, stateDirectory);
  const far = await remote(t, stateDirectory);
  t.equal((await far.read()).applied, 0);
});

t.test('the daemon of another log is refused', async (t) => {
  const { log } = await freshLog(t);
  const { stateDirectory } = await serve(t, log);
  const other = { ...log.identity, cluster: '6f7d8a52-0000-4000-8000-00000000000f' };
  await t.rejects(remote(t, stateDirectory, { identity: other }), { code: 'LOG_FOREIGN' });
  await t.rejects(remote(t, stateDirectory, { identity: { ...log.identity, node: 'b' } }), { code: 'LOG_FOREIGN' });
});

t.test('T17 a command that outlives a recovery of the log asks the recovered one for nothing', async (t) => {
  const log = logWith({});
  const first = await serve(t, log);
  const far = await remote(t, first.stateDirectory, { timeoutMs: 5000 });
  await first.server.close();
  const { incarnation } = log.identity;
  const asked: string[] = [];
  const recovered: ServedLog = {
    ...log,
    identity: { ...log.identity, incarnation: incarnation + 1 },
    append: async () => {
      asked.push('append');
      return Promise.resolve({ status: 'notDone', reason: 'none' });
    },
  };
  await serve(t, recovered, first.stateDirectory);
  const problem = { code: 'LOG_FOREIGN', message: /recovered while this command ran.*incarnation 2 now, and was in 1/ };
  await t.rejects(far.read(), problem);
  await t.rejects(far.append(volumeNamed('a')), problem);
  t.same(asked, []);
});

t.test('of requests that come in one piece no more are begun than may be open, and all are answered', async (t) => {
  let [open, most, begun] = [0, 0, 0];
  const waiting: (() => void)[] = [];
  const log = logWith({
    status: async () => {
      [open, begun] = [open + 1, begun + 1];
      most = Math.max(most, open);
      await new Promise<void>((resolve) => waiting.push(resolve));
      open -= 1;
      return { engine: 'paxos', lastSlot: slot(0), checkpointSlot: slot(0) };
    },
  });
  const { stateDirectory } = await serve(t, log);
  const socket = connect(join(stateDirectory, 'daemon.sock'));
  t.teardown(() => socket.destroy());
  const answers = new FrameDecoder(1 << 20);
  let answered = -1;
  socket.on('data', (chunk: Buffer) => {
    for (const frame of answers.push(chunk)) answered += Number(frame.payload.length > 0);
  });
  const requests = Array.from({ length: 5 * OPEN_REQUESTS_MAX }, (_, id) =>
    framed(encodeCbor({ id, request: { type: 'status' } })),
  );
  socket.write(Buffer.concat(requests));
  await until('as many as may be are open', () => open >= OPEN_REQUESTS_MAX);
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  t.equal(begun, OPEN_REQUESTS_MAX, 'the others wait');
  while (answered < requests.length) {
    for (const end of waiting.splice(0)) end();
    await until('the next are open, or all are answered', () => waiting.length > 0 || answered === requests.length);
  }
  t.equal(most, OPEN_REQUESTS_MAX);
  t.equal(begun, requests.length);
});

t.test('garbage, oversized and unknown requests are cut off, and others are served on', async (t) => {
  const { log } = await freshLog(t);
  const { stateDirectory, refused } = await serve(t, log);
  const far = await remote(t, stateDirectory);
  const bad: Record<string, Uint8Array> = {
    garbage: Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    oversized: Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 1]),
    'another version': Buffer.from([0, 0, 0, 3, 9, 1, 0xf6]),
    'no CBOR': framed(Buffer.from([0xff, 0xff])),
    'no request': framed(encodeCbor({ id: 1, request: { type: 'formatDisk' } })),
    'a missing field': framed(encodeCbor({ id: 1, request: { type: 'generation', group: 'app' } })),
    'a negative id': framed(encodeCbor({ id: -1, request: { type: 'status' } })),
    'an unknown field': framed(encodeCbor({ id: 1, request: { type: 'status', more: 1 } })),
  };
  for (const [name, bytes] of Object.entries(bad)) {
    const before = refused.length;
    await cutOff(t, stateDirectory, bytes);
    t.equal(refused.length, before + 1, name);
  }
  t.equal((await far.status()).lastSlot, 0);
});

t.test('random bytes never harm the daemon', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  t.comment(`SEED=${String(seed)}`);
  const { log } = await freshLog(t);
  const { stateDirectory } = await serve(t, log);
  const far = await remote(t, stateDirectory);
  const noises = fc.sample(fc.tuple(fc.boolean(), fc.uint8Array({ minLength: 1, maxLength: 64 })), {
    numRuns: 50,
    seed,
  });
  for (const [isFramed, noise] of noises) {
    const socket = connect(join(stateDirectory, 'daemon.sock'));
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => {
      socket.end(isFramed ? framed(noise) : noise, resolve);
    });
    socket.destroy();
  }
  t.equal((await far.status()).lastSlot, 0);
});

t.test('a closing daemon answers what it works on and refuses the rest', async (t) => {
  let answer: (() => void) | undefined;
  const log = logWith({
    scrub: async () =>
      new Promise((resolve) => {
        answer = () => {
          resolve(7);
        };
      }),
  });
  const { stateDirectory, server } = await serve(t, log);
  const far = await remote(t, stateDirectory, { timeoutMs: 500 });
  const scrubbed = far.scrub();
  await until('the daemon works on it', () => answer !== undefined);
  const closed = server.close();
  const refusedOne = t.rejects(far.status(), { code: 'UNAVAILABLE' });
  answer?.();
  t.equal(await scrubbed, 7);
  await closed;
  await refusedOne;
});

t.test('neither a client that reads nothing nor work that never ends keeps a daemon from closing', async (t) => {
  const asked: string[] = [];
  const log = logWith({
    scrub: async () => {
      asked.push('scrub');
      return Promise.reject(new Error('x'.repeat(4 * 1024 * 1024)));
    },
    checkpoint: async () => {
      asked.push('checkpoint');
      return new Promise(() => undefined);
    },
  });
  const { stateDirectory, server } = await serve(t, log);
  for (const type of ['scrub', 'checkpoint'] as const) {
    const socket = connect(join(stateDirectory, 'daemon.sock'));
    t.teardown(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(framed(encodeCbor({ id: 1, request: { type } })));
    await until(`${type} is asked`, () => asked.includes(type));
  }
  await server.close();
  t.same(asked, ['scrub', 'checkpoint']);
});

/** Sends bytes; resolves when the daemon has closed the connection. */
async function cutOff(t: Test, stateDirectory: string, bytes: Uint8Array): Promise<void> {
  const socket = connect(join(stateDirectory, 'daemon.sock'));
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.resume();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.write(bytes);
  await closed;
}

async function reslotted<T extends object>(result: Promise<T>, slot: number): Promise<T> {
  return { ...(await result), slot };
}
