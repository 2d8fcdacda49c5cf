/** Calls between daemons: none is begun twice, none is waited for in vain, and nobody is harmed by what a peer sends. */
import fc from 'fast-check';
import t from 'tap';
import { encodeAside } from '#src/daemon/aside.js';
import { encodeCall, encodeReply } from '#src/daemon/participants/messages.js';
import { CALL_BYTES_MAX } from '#src/daemon/participants/protocol.js';
import { SnapcommitError } from '#src/errors.js';
import { callerOf, CallWorld, publishOf } from '../support/call-world.js';
import { seeded } from '../support/seeded.js';

/** What a promise came to, once it has. */
function watch(work: Promise<unknown>): { readonly came: () => unknown } {
  let came: unknown;
  work.then(
    () => (came = 'answered'),
    (error: unknown) => (came = error),
  );
  return { came: () => came };
}

function held(): { readonly promise: Promise<null>; readonly release: () => void } {
  let release = (): void => undefined;
  const promise = new Promise<null>((resolve) => {
    release = () => {
      resolve(null);
    };
  });
  return { promise, release };
}

t.test('L3 over connections that lose most messages and break, every call is begun once and answered', async (t) => {
  const { below } = seeded(t);
  const world = new CallWorld(['a', 'b', 'c'], { silentMs: 120_000 });
  world.loses = () => below(10) < 6;
  for (const node of world.nodes.values())
    node.answer = async (call, from) => {
      await new Promise<void>((resolve) => {
        world.time.after(below(2000), resolve);
      });
      if ('generation' in call && (call.generation ?? 0) % 7 === 0)
        throw new SnapcommitError('BUSY', `not for ${from}`);
      return null;
    };
  const asked: { readonly generation: number; readonly came: () => unknown; readonly refusal: string }[] = [];
  for (const [from, to] of ['ab', 'ac', 'ba', 'bc', 'ca', 'cb'].map((way) => [way.charAt(0), way.charAt(1)] as const)) {
    const caller = callerOf(world, from, to);
    for (let generation = 1; generation <= 40; generation += 1) {
      const refusal = `node ${to}: not for ${from}`;
      asked.push({ generation, refusal, ...watch(caller.ask(publishOf(generation))) });
    }
  }
  for (let cuts = 0; cuts < 12; cuts += 1) {
    await world.time.pass(below(600));
    world.disconnect('a', 'b');
    await world.time.pass(below(1500));
    world.connect('a', 'b');
  }
  await world.time.pass(60_000);
  for (const { generation, came, refusal } of asked)
    t.match(came(), generation % 7 === 0 ? { code: 'BUSY', message: refusal } : 'answered');
  for (const { name, begun } of world.nodes.values()) t.equal(begun.length, 80, `begun at ${name}`);
});

t.test('a slow call has no limit while its node says that it works on it, and is begun once', async (t) => {
  const world = new CallWorld(['a', 'b']);
  const { promise, release } = held();
  world.node('b').answer = async () => promise;
  const asked = watch(callerOf(world, 'a', 'b').ask(publishOf(1)));
  await world.time.pass(3_600_000);
  t.equal(asked.came(), undefined);
  t.same(world.node('b').begun, ['publish of a']);
  release();
  await world.time.pass(10);
  t.equal(asked.came(), 'answered');
  t.ok(world.node('a').counted.resent > 1000);
});

t.test('calls run side by side', async (t) => {
  const world = new CallWorld(['a', 'b']);
  const { promise, release } = held();
  world.node('b').answer = async (call) => ('generation' in call && call.generation === 1 ? promise : null);
  const caller = callerOf(world, 'a', 'b');
  const slow = watch(caller.ask(publishOf(1)));
  const quick = watch(caller.ask(publishOf(2)));
  await world.time.pass(5);
  t.equal(quick.came(), 'answered');
  t.equal(slow.came(), undefined);
  release();
  await world.time.pass(300);
  t.equal(slow.came(), 'answered');
});

t.test('an answer that was lost is given at once when the nodes meet again, and nothing is begun anew', async (t) => {
  const world = new CallWorld(['a', 'b']);
  world.loses = (from) => from === 'b';
  const asked = watch(callerOf(world, 'a', 'b').ask(publishOf(1)));
  await world.time.pass(10);
  world.disconnect('a', 'b');
  world.loses = () => false;
  await world.time.pass(1000);
  t.equal(asked.came(), undefined);
  world.connect('a', 'b');
  await world.time.pass(2);
  t.equal(asked.came(), 'answered');
  t.equal(world.node('b').begun.length, 1);
});

t.test('G7 a node that is out of reach for too long is named, with since when', async (t) => {
  const world = new CallWorld(['a', 'b']);
  world.node('b').answer = async () => held().promise;
  const caller = callerOf(world, 'a', 'b');
  const asked = watch(caller.ask(publishOf(1)));
  await world.time.pass(5);
  world.disconnect('a', 'b');
  const since = new Date(world.time.now()).toISOString();
  await world.time.pass(1700);
  t.equal(asked.came(), undefined, 'it may come back');
  await world.time.pass(600);
  const wanted = { code: 'UNAVAILABLE', message: `node b cannot be reached since ${since}` };
  t.match(asked.came(), { ...wanted, details: { node: 'b', since, mayHaveBegun: true } });
  await t.rejects(caller.ask(publishOf(2)), { ...wanted, details: { mayHaveBegun: false } }, 'the next one at once');
  await t.rejects(callerOf(world, 'a', 'x').ask(publishOf(1)), { code: 'NODE_NOT_FOUND', details: { node: 'x' } });
  t.equal(world.node('a').counted.failed, 1);
});

t.test(
  'a node that is in reach and says nothing of a call is given up; a pause of our own is not held against it',
  async (t) => {
    const world = new CallWorld(['a', 'b'], { silentMs: 5000 });
    world.loses = () => true;
    const asked = watch(callerOf(world, 'a', 'b').ask(publishOf(1)));
    await world.time.pass(5000);
    t.equal(asked.came(), undefined);
    await world.time.pass(500);
    t.match(asked.came(), { code: 'UNAVAILABLE', message: /node b is connected, but/ });
  },
);

t.test('a member that is removed answers nobody any more, and is not waited for', async (t) => {
  const world = new CallWorld(['a', 'b']);
  world.node('b').answer = async () => held().promise;
  const asked = watch(callerOf(world, 'a', 'b').ask(publishOf(1)));
  world.node('a').calls.keep([]);
  await world.time.pass(1);
  t.match(asked.came(), { code: 'NODE_NOT_FOUND' });
  const back = watch(callerOf(world, 'b', 'a').ask(publishOf(1)));
  await world.time.pass(5);
  t.match(back.came(), { code: 'DENIED' });
  t.same(world.node('a').begun, []);
});

t.test('after the restart of a node a call that is sent again is new there', async (t) => {
  const world = new CallWorld(['a', 'b']);
  world.node('b').answer = async () => (world.node('b').begun.length === 1 ? held().promise : null);
  const asked = watch(callerOf(world, 'a', 'b').ask(publishOf(1)));
  await world.time.pass(100);
  await world.restart('b', 1000);
  await world.time.pass(5);
  t.equal(asked.came(), 'answered');
  t.equal(world.node('b').begun.length, 2);
});

t.test('L3 a command whose own daemon restarts finds the call that it made before', async (t) => {
  const world = new CallWorld(['a', 'b']);
  const { promise, release } = held();
  world.node('b').answer = async () => promise;
  const name = callerOf(world, 'a', 'b').names.next();
  const first = watch(world.node('a').calls.ask('b', name, publishOf(1)));
  await world.time.pass(5);
  world.node('a').calls.end();
  await world.time.pass(1);
  t.match(first.came(), { code: 'UNAVAILABLE', details: { stopping: true } }, 'which a command takes for: ask again');
  await world.restart('a', 1000);
  const second = watch(world.node('a').calls.ask('b', name, publishOf(1)));
  const third = watch(world.node('a').calls.ask('b', name, publishOf(1)));
  release();
  await world.time.pass(300);
  t.equal(second.came(), 'answered');
  t.equal(third.came(), 'answered', 'also who asks twice at once');
  t.equal(world.node('b').begun.length, 1);
});

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

t.test(
  'a caller that was not heard of for longest is forgotten first, and never one with a call that runs',
  async (t) => {
    const world = new CallWorld(['a', 'b'], { callersMax: 2 });
    const { promise, release } = held();
    world.node('b').answer = async (call) => ('generation' in call && call.generation === 1 ? promise : null);
    const runs = callerOf(world, 'a', 'b', 'runs').names.next();
    const slow = watch(world.node('a').calls.ask('b', runs, publishOf(1)));
    await world.time.pass(5);
    for (let n = 0; n < 5; n += 1) {
      void callerOf(world, 'a', 'b', `other ${String(n)}`).ask(publishOf(2));
      await world.time.pass(5);
    }
    await world.time.pass(1000);
    t.equal(world.node('b').begun.length, 6);
    release();
    await world.time.pass(300);
    t.equal(slow.came(), 'answered');
  },
);

t.test('a late copy of a call that its caller gave up is not begun', async (t) => {
  const world = new CallWorld(['a', 'b']);
  const { names } = callerOf(world, 'a', 'b');
  const late = names.next();
  names.over(late);
  await Promise.all([world.node('a').calls.ask('b', names.next(), publishOf(2)), world.time.pass(5)]);
  world.deliver('a', 'b', encodeCall(late, publishOf(1)));
  await world.time.pass(5);
  t.same(world.node('b').begun, ['publish of a']);
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

t.test('a command’s call to its own node is begun once, too', async (t) => {
  const world = new CallWorld(['a']);
  const name = callerOf(world, 'a', 'a').names.next();
  const { calls, begun } = world.node('a');
  t.same(await Promise.all([calls.ask('a', name, publishOf(1)), calls.ask('a', name, publishOf(1))]), [null, null]);
  t.same(begun, ['publish of a']);
  world.node('a').answer = async () => Promise.reject(new SnapcommitError('BUSY', 'x'));
  await t.rejects(callerOf(world, 'a', 'a', 'other').ask(publishOf(1)), { code: 'BUSY', message: 'x' });
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
