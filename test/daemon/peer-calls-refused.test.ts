/** Calls between daemons that are refused, and what peers send that harms nobody. */
import fc from 'fast-check';
import t from 'tap';
import { encodeAside } from '#src/daemon/aside.js';
import { encodeCall, encodeReply } from '#src/daemon/participants/messages.js';
import { CALL_BYTES_MAX } from '#src/daemon/participants/protocol.js';
import { SnapcommitError } from '#src/errors.js';
import { callerOf, CallWorld, publishOf } from '../support/call-world.js';
import { held, watch } from '../support/promises.js';

t.test('more calls than a node works on are refused, and a copy of a refused one is not begun later', async (t) => {
  const world = new CallWorld(['a', 'b'], { runningMax: 2 });
  const { promise, release } = held();
  world.node('b').answer = async () => promise;
  const { names } = callerOf(world, 'a', 'b');
  const [one, two, three] = [names.next(), names.next(), names.next()];
  const asked = [one, two, three].map((name) => watch(world.node('a').calls.ask('b', name, publishOf(1))));
  await world.time.pass(5);
  t.match(asked[2]?.came(), { code: 'UNAVAILABLE', message: /nothing was begun/ });
  release();
  await world.time.pass(300);
  world.deliver('a', 'b', encodeCall(three, publishOf(1)));
  await world.time.pass(5);
  t.equal(world.node('b').begun.length, 2);
});

t.test('answers are kept up to a bound; a call whose answer is gone is refused, not begun again', async (t) => {
  for (const limits of [{ answersMax: 1 }, { answerBytesMax: 1 }, { answerKeptMs: 1000 }]) {
    const world = new CallWorld(['a', 'b'], limits);
    const first = callerOf(world, 'a', 'b', 'one');
    const name = first.names.next();
    await Promise.all([world.node('a').calls.ask('b', name, publishOf(1)), world.time.pass(5)]);
    await world.time.pass(2000);
    await Promise.all([callerOf(world, 'a', 'b', 'two').ask(publishOf(2)), world.time.pass(5)]);
    const again = watch(world.node('a').calls.ask('b', name, publishOf(1)));
    await world.time.pass(5);
    t.match(again.came(), { code: 'OUTCOME_UNKNOWN' }, JSON.stringify(limits));
    t.equal(world.node('b').begun.length, 2);
  }
});

t.test('what a node refuses comes back with its code, and names the node', async (t) => {
  const world = new CallWorld(['a', 'b']);
  const caller = callerOf(world, 'a', 'b');
  const failures: readonly [Error, object][] = [
    [new SnapcommitError('NO_SPACE', 'v is full', { volume: 'v' }), { code: 'NO_SPACE', message: 'node b: v is full' }],
    [new TypeError('a bug'), { message: 'node b: the daemon failed: a bug' }],
    [new Error('the daemon failed: a bug'), { message: 'node b: the daemon failed: a bug' }],
  ];
  for (const [failure, wanted] of failures) {
    world.node('b').answer = async () => Promise.reject(failure);
    const asked = watch(caller.ask(publishOf(1)));
    await world.time.pass(5);
    t.match(asked.came(), wanted);
  }
  world.node('b').answer = async () => Promise.reject(new SnapcommitError('BUSY', 'x', { volume: 'v', node: 'c' }));
  const asked = watch(caller.ask(publishOf(1)));
  await world.time.pass(5);
  t.match(asked.came(), { details: { volume: 'v', node: 'b' } });
});

t.test('an answer of another shape, or one that is too large, is an error and not a value', async (t) => {
  const world = new CallWorld(['a', 'b']);
  const caller = callerOf(world, 'a', 'b');
  world.node('b').answer = async () => Promise.resolve('done');
  const shapeless = watch(caller.ask(publishOf(1)));
  await world.time.pass(5);
  t.match(shapeless.came(), { code: 'UNAVAILABLE', message: /node b: its answer to publish cannot be read/ });
  world.node('b').answer = async () => Promise.resolve(['x'.repeat(5 * 1024 * 1024)]);
  const large = watch(caller.ask({ type: 'phases' }));
  await world.time.pass(5);
  t.match(large.came(), { code: 'UNSUPPORTED', message: /node b: the answer has [0-9]+ bytes/ });
  const call = { ...publishOf(1), group: 'x'.repeat(CALL_BYTES_MAX) };
  await t.rejects(caller.ask(call), { code: 'UNSUPPORTED' });
});

t.test('who calls and who answers is what the transport says', async (t) => {
  const world = new CallWorld(['a', 'b', 'c']);
  world.node('b').answer = async () => held().promise;
  const { names } = callerOf(world, 'a', 'b');
  const name = names.next();
  const asked = watch(world.node('a').calls.ask('b', name, publishOf(1)));
  await world.time.pass(5);
  world.deliver('c', 'a', encodeReply(name, { ok: true, value: null }));
  await world.time.pass(5);
  t.equal(asked.came(), undefined, 'another node answers nothing in its place');
  world.deliver('c', 'b', encodeCall(name, publishOf(1)));
  await world.time.pass(5);
  t.same(world.node('b').begun, ['publish of a', 'publish of c'], 'nor is its call the same under the same name');
});

t.test('a call that is not known here is told so, and garbage is counted', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  t.comment(`SEED=${String(seed)}`);
  const world = new CallWorld(['a', 'b']);
  const name = callerOf(world, 'a', 'b').names.next();
  const asked = watch(world.node('a').calls.ask('b', name, { type: 'formatDisk' } as never));
  await world.time.pass(5);
  t.match(asked.came(), { code: 'UNSUPPORTED', message: /node b: it does not know this request/ });
  const bad: readonly unknown[] = [
    null,
    {},
    { name, call: publishOf(1), more: 1 },
    { name: { ...name, oldest: 2 }, call: publishOf(1) },
    { name: { ...name, caller: 'x'.repeat(65) }, call: publishOf(1) },
    { name: { ...name, sequence: -1 }, call: publishOf(1) },
  ];
  for (const content of bad) world.deliver('a', 'b', encodeAside('call', content));
  world.deliver('a', 'b', encodeAside('reply', { ...name, outcome: { ok: false, error: 'x' } }));
  t.equal(world.refused, bad.length + 1);
  const contents = fc.tuple(fc.constantFrom('call', 'reply'), fc.anything());
  for (const [topic, content] of fc.sample(contents, { numRuns: 200, seed })) {
    let message: Uint8Array;
    try {
      message = encodeAside(topic, content);
    } catch {
      continue;
    }
    world.deliver('a', 'b', message);
  }
  for (const noise of fc.sample(fc.uint8Array({ maxLength: 64 }), { numRuns: 200, seed }))
    world.deliver('a', 'b', noise);
  await world.time.pass(5);
  t.same(world.node('b').begun, []);
  const sound = watch(callerOf(world, 'a', 'b', 'sound').ask(publishOf(1)));
  await world.time.pass(5);
  t.equal(sound.came(), 'answered');
});

t.test('a peer that floods has its bound, and the others are served', async (t) => {
  const world = new CallWorld(['a', 'b', 'c'], { runningMax: 8, answersMax: 8, callersMax: 16 });
  world.node('b').answer = async (_call, from) => (from === 'c' ? held().promise : null);
  for (let n = 0; n < 5000; n += 1)
    world.deliver('c', 'b', encodeCall({ caller: String(n), sequence: 1, oldest: 1 }, publishOf(1)));
  await world.time.pass(5);
  t.equal(world.node('b').begun.length, 8);
  const sound = watch(callerOf(world, 'a', 'b').ask(publishOf(1)));
  await world.time.pass(5);
  t.equal(sound.came(), 'answered');
});

t.test('unanswered calls to one node are bounded at their sender, too', async (t) => {
  const world = new CallWorld(['a', 'b'], { openMax: 2 });
  world.node('b').answer = async () => held().promise;
  const caller = callerOf(world, 'a', 'b');
  const asked = [1, 2, 3].map((n) => watch(caller.ask(publishOf(n))));
  await world.time.pass(5);
  t.match(asked[2]?.came(), { code: 'UNAVAILABLE', message: /2 requests to node b/ });
  t.equal(asked[0]?.came(), undefined);
});

t.test('what cannot be reached because it was refused says why, until it is connected again', async (t) => {
  const world = new CallWorld(['a', 'b'], { unreachableMs: 1_000 });
  const caller = callerOf(world, 'a', 'b');
  const { calls } = world.node('a');
  world.disconnect('a', 'b');
  calls.refused('b', 'it refused: its certificate has expired', false);
  await world.time.pass(2_000);
  const refused = watch(caller.ask(publishOf(1)));
  await world.time.pass(5);
  t.match(refused.came(), { code: 'UNAVAILABLE', message: /b cannot be reached since .* \(it refused: its certif/ });
  t.match(refused.came(), { details: { isClock: false } });
  calls.refused('b', 'it refused: the clock of node b is behind', true);
  const behind = watch(caller.ask(publishOf(3)));
  await world.time.pass(5);
  t.match(behind.came(), { code: 'UNAVAILABLE', message: /the clock of node b/, details: { isClock: true } });
  world.connect('a', 'b');
  world.disconnect('a', 'b');
  await world.time.pass(2_000);
  const away = watch(caller.ask(publishOf(2)));
  await world.time.pass(5);
  t.match(away.came(), { code: 'UNAVAILABLE', message: /b cannot be reached since [^ ]*;/ });
});
