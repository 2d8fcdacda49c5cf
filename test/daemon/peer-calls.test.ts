/** Calls between daemons: none is begun twice, and none is waited for in vain. */
import t from 'tap';
import { encodeCall } from '#src/daemon/participants/messages.js';
import { SnapcommitError } from '#src/errors.js';
import { callerOf, CallWorld, publishOf } from '../support/call-world.js';
import { held, watch } from '../support/promises.js';
import { seeded } from '../support/seeded.js';

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

t.test('a command’s call to its own node is begun once, too', async (t) => {
  const world = new CallWorld(['a']);
  const name = callerOf(world, 'a', 'a').names.next();
  const { calls, begun } = world.node('a');
  t.same(await Promise.all([calls.ask('a', name, publishOf(1)), calls.ask('a', name, publishOf(1))]), [null, null]);
  t.same(begun, ['publish of a']);
  world.node('a').answer = async () => Promise.reject(new SnapcommitError('BUSY', 'x'));
  await t.rejects(callerOf(world, 'a', 'a', 'other').ask(publishOf(1)), { code: 'BUSY', message: 'x' });
});
