/** Who is not let in: each case is refused by one side, and one readable event reaches the log of each. */
import t, { type Test } from 'tap';
import { makeAuthority } from '#src/adapters/certificates/index.js';
import {
  CLUSTER,
  authority,
  connected,
  credentialsOf,
  introduceAll,
  say,
  startNode,
  type NodeWish,
} from '../support/transport.js';

/** `a` calls `b`, for `a` comes first. */
async function refusalBetween(
  t: Test,
  a: NodeWish,
  b: NodeWish,
  reason: string,
): Promise<{ us: string; peer: string }> {
  const [caller, called] = [await startNode(t, 'a', a), await startNode(t, 'b', b)];
  introduceAll(caller, called);
  const found = [await caller.event('refused', reason), await called.event('refused', reason)];
  t.same(found.map(({ by }) => by).sort(), ['peer', 'us'], 'one refused, the other heard of it');
  t.notOk(
    [...caller.events, ...called.events].some(({ type }) => type === 'connected'),
    'nobody was connected',
  );
  say(caller, 'b', 'let me in');
  t.equal(caller.transport.counters().get('b')?.droppedDisconnected, 1);
  const text = (by: 'us' | 'peer'): string => found.find((event) => event.by === by)?.message ?? '';
  t.equal(text('us'), text('peer'), 'both logs say the same');
  return { us: text('us'), peer: text('peer') };
}

t.test('the wrong authority', async (t) => {
  const other = await makeAuthority(CLUSTER, Date.now());
  const wrong = { authority: other, believes: [await authority()] };
  // Its own check would not let it start so; what counts is what the others see.
  await t.rejects(startNode(t, 'a', { credentials: await credentialsOf('a', wrong) }), { code: 'CERTIFICATE_INVALID' });
  const stranger = { authority: other, believes: [other, await authority()] };
  const calls = await refusalBetween(t, { credentials: await credentialsOf('a', stranger) }, {}, 'certificate');
  t.match(calls.us, /authority/);
  const isCalled = await refusalBetween(t, {}, { credentials: await credentialsOf('b', stranger) }, 'certificate');
  t.match(isCalled.us, /authority/, 'the called one is looked at too');
});

t.test('D9 who has a store of one node and the certificate of another does not start', async (t) => {
  await t.rejects(startNode(t, 'a', { credentials: await credentialsOf('b') }), {
    code: 'CERTIFICATE_INVALID',
    message: /the certificate is of .*b, this node is .*a$/,
  });
});

t.test('an expired certificate', async (t) => {
  const credentials = await credentialsOf('a', { ageDays: 10, validDays: 5 });
  t.match((await refusalBetween(t, { credentials }, {}, 'certificate')).us, /has expired; renew it/);
  const called = await credentialsOf('b', { ageDays: 10, validDays: 5 });
  t.match((await refusalBetween(t, {}, { credentials: called }, 'certificate')).us, /has expired; renew it/);
});

t.test('a certificate that is not valid yet; five minutes of skew are tolerated', async (t) => {
  const early = await credentialsOf('a', { ageDays: -1 });
  t.match(
    (await refusalBetween(t, { credentials: early }, {}, 'clock')).us,
    /^the clock of node b is at least 8\d{4} s behind the one by which node a's certificate was made: it says 20.*`snapcommit cluster renew` on a/,
    'whoever looks at it says whose clock it is',
  );
  const called = await credentialsOf('b', { ageDays: -1 });
  t.match((await refusalBetween(t, {}, { credentials: called }, 'clock')).us, /^the clock of node a is at least 8/);
  const skewed = await credentialsOf('a', { ageDays: -4 / 1440 });
  const [a, b] = [await startNode(t, 'a', { credentials: skewed }), await startNode(t, 'b')];
  introduceAll(a, b);
  await connected(a, b);
  t.pass('four minutes ahead is let in');
});

t.test('of a stranger whose certificate is not valid yet nothing is believed, not even its name', async (t) => {
  const other = await makeAuthority(CLUSTER, Date.now());
  const both = { authority: other, believes: [other, await authority()], ageDays: -1 };
  const [caller, called] = [
    await startNode(t, 'a', { credentials: await credentialsOf('a', both) }),
    await startNode(t, 'b'),
  ];
  introduceAll(caller, called);
  t.match(await called.event('refused', 'certificate'), { by: 'us', peer: null });
});

t.test('another cluster, under the same authority', async (t) => {
  const [a, b] = [
    await startNode(t, 'a', { credentials: await credentialsOf('a', { cluster: 'c2' }), cluster: 'c2' }),
    await startNode(t, 'b'),
  ];
  introduceAll(a, b);
  t.match(await a.event('refused', 'cluster'), { by: 'us', message: 'its certificate is of cluster c1, this is c2' });
  t.match(await b.event('refused', 'cluster'), { by: 'us', message: 'its certificate is of cluster c2, this is c1' });
});

t.test('another node behind the address', async (t) => {
  const [a, c, d] = [await startNode(t, 'a'), await startNode(t, 'c'), await startNode(t, 'd')];
  a.transport.setPeers(new Map([['c', d.transport.address]]));
  t.match(await a.event('refused', 'node'), { by: 'us', peer: 'c', message: /certificate is of node d, c was called/ });
  t.match(await d.event('refused', 'node'), { by: 'peer', message: /certificate is of node d, c was called/ });
  t.same(c.events, []);
});

t.test('somebody who is not a member', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')];
  a.transport.setPeers(new Map([['b', b.transport.address]]));
  t.match(await b.event('refused', 'unknown-member'), { by: 'us', peer: 'a', message: /a is not a member here/ });
  t.match(await a.event('refused', 'unknown-member'), { by: 'peer', peer: 'b' });
});

t.test("the host's own reason", async (t) => {
  const judge = (peer: string): string => `the store of ${peer} was rolled back`;
  const { us } = await refusalBetween(t, {}, { user: { judge } }, 'judged');
  t.equal(us, 'the store of a was rolled back');
  await refusalBetween(t, { user: { judge } }, {}, 'judged');
});

t.test('hellos carry what the hosts said, in both directions', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')];
  introduceAll(a, b);
  await connected(a, b);
  t.same(a.introductions, [{ incarnation: 1, store: 'store of b', configuration: 7, notes: { applied: 3 } }]);
  t.same(b.introductions, [{ incarnation: 1, store: 'store of a', configuration: 7, notes: { applied: 3 } }]);
});

t.test('a refusal that goes on is told once', async (t) => {
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')];
  let attempts = 0;
  const c = await startNode(t, 'c', {
    user: {
      judge: () => {
        attempts += 1;
        return attempts < 6 ? 'not yet' : null;
      },
    },
  });
  introduceAll(a, c);
  await connected(a, c);
  t.equal(c.events.filter(({ type }) => type === 'refused').length, 1, 'five refusals, one line');
  t.equal(a.events.filter(({ type }) => type === 'refused').length, 1);
  t.same(b.events, []);
});
