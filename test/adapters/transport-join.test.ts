/** Joining with a token, and changing credentials while messages flow. */
import { createServer } from 'node:tls';
import t, { type Test } from 'tap';
import {
  inspectCertificate,
  join,
  JOIN_PROTOCOL,
  joinService,
  makeAuthority,
  makeKeyAndRequest,
  makeToken,
  parseToken,
  type Applicant,
  type IssuerOptions,
  type KeyAndRequest,
  type Member,
} from '#src/adapters/certificates/index.js';
import { systemClock } from '#src/adapters/clock-system.js';
import { systemTimers } from '#src/adapters/timers-system.js';
import type { PeerAddress } from '#src/ports/transport.js';
import { memoryLedger, type MemoryLedger } from '../support/token-ledger.js';
import {
  authority,
  CLUSTER,
  connected,
  credentialsOf,
  introduceAll,
  say,
  startNode,
  type TestNode,
} from '../support/transport.js';
import { until } from '../support/until.js';

interface Issuer {
  readonly node: TestNode;
  readonly lines: { readonly node: string | null; readonly refusal: string | null }[];
  readonly ledger: MemoryLedger;
  token(wish?: {
    node?: string;
    lifeMs?: number;
    fingerprint?: string;
    cluster?: string;
    /** Instead of one where nobody is. */
    before?: PeerAddress;
  }): Promise<string>;
}

async function startIssuer(t: Test, others: Partial<IssuerOptions> = {}): Promise<Issuer> {
  const issuing = await authority();
  const ledger = memoryLedger('b');
  const lines: Issuer['lines'] = [];
  const members: Member[] = [{ node: 'b', address: { host: '127.0.0.1', port: 1 } }];
  const options: IssuerOptions = {
    cluster: CLUSTER,
    authority: issuing,
    ledger,
    clock: systemClock,
    timers: systemTimers,
    trustedAuthorities: () => [issuing.certificate],
    members: async () => Promise.resolve(members),
    onDecision: (line) => lines.push(line),
    ...others,
  };
  const services = new Map([[JOIN_PROTOCOL, joinService(options)]]);
  const node = await startNode(t, 'b', { services });
  const token: Issuer['token'] = async (wish = {}) => {
    const { text, record } = makeToken({
      cluster: wish.cluster ?? CLUSTER,
      addresses: [wish.before ?? { host: '127.0.0.1', port: 9 }, node.transport.address],
      fingerprint: wish.fingerprint ?? inspectCertificate(issuing.certificate).fingerprint,
      node: wish.node ?? null,
      now: Date.now(),
      lifeMs: wish.lifeMs ?? 60_000,
    });
    await ledger.add(record);
    return text;
  };
  return { node, lines, ledger, token };
}

/** A machine: it keeps its key. */
function applicant(node: string): Applicant {
  let made: Promise<KeyAndRequest> | null = null;
  return { node, about: new Uint8Array(), keysOf: (name) => (made ??= makeKeyAndRequest(name)) };
}

const apply = async (token: string, who: string | Applicant): ReturnType<typeof join> =>
  join(token, typeof who === 'string' ? applicant(who) : who, systemClock, systemTimers);

t.test('a new node joins with a token and talks', async (t) => {
  const issuer = await startIssuer(t);
  const membership = await apply(`${await issuer.token()}\n`, 'a');
  t.same(inspectCertificate(membership.certificate).name, { cluster: CLUSTER, node: 'a' });
  t.same(membership.members, [{ node: 'b', address: { host: '127.0.0.1', port: 1 } }]);
  t.match(issuer.lines, [{ node: 'a', refusal: null }]);
  const a = await startNode(t, 'a', { credentials: membership });
  introduceAll(a, issuer.node);
  await connected(a, issuer.node);
  say(a, 'b', 'here I am');
  await until('it arrives', () => issuer.node.messages.includes('here I am'));
});

t.test('a token works once, also for two at the same time', async (t) => {
  const issuer = await startIssuer(t);
  const token = await issuer.token();
  const both = await Promise.allSettled([apply(token, 'x'), apply(token, 'y')]);
  t.equal(both.filter(({ status }) => status === 'fulfilled').length, 1, 'one of two');
  await t.rejects(apply(token, 'z'), { code: 'TOKEN_USED', message: /used already, by node [xy]/ });
  const { secret } = parseToken(token);
  const kept = JSON.stringify(issuer.ledger.state);
  t.notOk(
    kept.includes(Buffer.from(secret).toString('hex')) || kept.includes(Buffer.from(secret).toString('base64')),
    'no secret',
  );
});

t.test('who lost the answer asks again with the same token and the same key, and nobody else may', async (t) => {
  const issuer = await startIssuer(t);
  const token = await issuer.token();
  const machine = applicant('a');
  const first = await apply(token, machine);
  const again = await apply(token, machine);
  t.equal(again.key, first.key);
  t.same(inspectCertificate(again.certificate).name, { cluster: CLUSTER, node: 'a' });
  t.same(again.members, first.members, 'it is not told of itself');
  t.same(Object.keys(issuer.ledger.state.members), ['b', 'a'], 'it came in once');
  await t.rejects(apply(token, 'a'), { code: 'TOKEN_USED' }, 'another machine by that name');
  await t.rejects(apply(token, { ...machine, node: 'c' }), { code: 'TOKEN_USED' }, 'another name with that key');
});

t.test('what fails at an issuer that has used the token is told as unknown', async (t) => {
  const issuer = await startIssuer(t, { welcome: async () => Promise.reject(new Error('it stopped')) });
  await t.rejects(apply(await issuer.token(), 'a'), { code: 'OUTCOME_UNKNOWN', message: /it stopped.*same token/ });
});

t.test('tokens that are refused, each with its code', async (t) => {
  const issuer = await startIssuer(t);
  const fresh = await issuer.token();
  await t.rejects(apply(await issuer.token({ lifeMs: -1 }), 'a'), { code: 'TOKEN_EXPIRED' });
  // A joiner whose clock is behind does not see it; the issuer does.
  const behind = { ...systemClock, now: () => 0 };
  const late = join(await issuer.token({ lifeMs: -1 }), applicant('a'), behind, systemTimers);
  await t.rejects(late, { code: 'TOKEN_EXPIRED' });
  await t.rejects(apply(await issuer.token({ node: 'c' }), 'a'), { code: 'DENIED', message: /for node c, not for a/ });
  await t.rejects(apply(fresh, 'b'), { code: 'EXISTS', message: /There is a node b already/ });
  await t.rejects(apply(fresh, 'not a name'), { code: 'DENIED' });
  const unknown = makeToken({ ...parseToken(fresh), node: null, now: Date.now() }).text;
  await t.rejects(apply(unknown, 'a'), { code: 'TOKEN_UNKNOWN', message: /knows no such join token/ });
  await t.rejects(apply(await issuer.token({ fingerprint: 'ab'.repeat(32) }), 'a'), {
    code: 'CERTIFICATE_INVALID',
    message: /nothing was told/,
  });
  await t.rejects(apply(await issuer.token({ cluster: 'c2' }), 'a'), {
    code: 'UNAVAILABLE',
    message: /of cluster c1, not of c2/,
  });
  t.ok((await apply(fresh, 'a')).certificate, 'none of this spent the good one');
});

t.test('texts that are no token', async (t) => {
  const whole = (await (await startIssuer(t)).token()).trim();
  const texts = [
    '',
    'hello',
    'snapcommit-join-1.',
    whole.slice(0, -3),
    `${whole.slice(0, 40)}A${whole.slice(41)}`,
    `x${whole}`,
    whole + 'A'.repeat(9000),
  ];
  for (const text of texts)
    t.throws(() => parseToken(text), { code: 'TOKEN_INVALID', message: /copy the whole text/ }, text.slice(0, 30));
});

t.test('an unreachable issuer is told as unavailable, with every address', async (t) => {
  const addresses = [
    { host: '127.0.0.1', port: 9 },
    { host: '127.0.0.1', port: 10 },
  ];
  const { text } = makeToken({
    cluster: CLUSTER,
    addresses,
    fingerprint: 'ab'.repeat(32),
    node: null,
    now: Date.now(),
  });
  await t.rejects(apply(text, 'a'), { code: 'UNAVAILABLE', message: /127.0.0.1:9: .*127.0.0.1:10: / });
});

/** Takes what a joiner says and ends the connection. Answers where it listens, and how many bytes it heard. */
async function startListener(
  t: Test,
  certificate: string,
  key: string,
): Promise<{ readonly address: PeerAddress; heard(): number }> {
  let heard = 0;
  const server = createServer({ cert: certificate, key, minVersion: 'TLSv1.3', ALPNProtocols: [JOIN_PROTOCOL] });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      heard += bytes.length;
      socket.destroy();
    });
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('it does not listen');
  return { address: { host: '127.0.0.1', port: bound.port }, heard: () => heard };
}

/** Of a stranger who shows the real authority's certificate behind one of its own. */
async function impostor(t: Test): ReturnType<typeof startListener> {
  const own = await credentialsOf('b', { authority: await makeAuthority(CLUSTER, Date.now()) });
  const [leaf = ''] = own.certificate.split(/(?<=-----END CERTIFICATE-----\n)/);
  return startListener(t, leaf + (await authority()).certificate, own.key);
}

t.test(
  'whoever shows the authority behind a certificate of its own is told nothing, whatever the environment allows',
  async (t) => {
    const issuer = await startIssuer(t);
    const stranger = await impostor(t);
    const token = await issuer.token({ before: stranger.address });
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    t.teardown(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
    t.ok((await apply(token, 'a')).certificate, 'the next one is asked');
    t.equal(stranger.heard(), 0);
  },
);

t.test('what ails one address keeps nobody from the next', async (t) => {
  const issuer = await startIssuer(t);
  const other = await makeAuthority('c2', Date.now());
  const foreign = await credentialsOf('b', { authority: other, cluster: 'c2' });
  const stranger = await startListener(t, foreign.certificate, foreign.key);
  t.ok((await apply(await issuer.token({ before: stranger.address }), 'a')).certificate);
  t.equal(stranger.heard(), 0);
});

t.test('where one may have let the node in, no later answer says that it did not', async (t) => {
  const issuer = await startIssuer(t);
  const real = await credentialsOf('b');
  const silent = await startListener(t, real.certificate, real.key);
  const token = await issuer.token({ before: silent.address, node: 'c' });
  await t.rejects(apply(token, 'a'), { code: 'OUTCOME_UNKNOWN', message: /the answer was lost.*is for node c/ });
  t.ok(silent.heard() > 0);
});

t.test(
  'the authority is changed under traffic: nothing is lost until the old one is dropped, and then who still shows it is out',
  async (t) => {
    const [old, next] = [await authority(), await makeAuthority(CLUSTER, Date.now())];
    const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')];
    introduceAll(a, b);
    await connected(a, b);
    let sent = 0;
    const flow = async (): Promise<void> => {
      for (let count = 0; count < 50; count += 1) say(a, 'b', String((sent += 1)));
      await until('the flow', () => b.messages.length === sent);
    };
    await flow();
    for (const node of [a, b]) node.transport.setCredentials(await credentialsOf(node.name, { believes: [old, next] }));
    await flow();
    for (const node of [a, b])
      node.transport.setCredentials(await credentialsOf(node.name, { authority: next, believes: [old, next] }));
    await flow();
    t.equal(a.transport.counters().get('b')?.connections, 1, 'one connection all the while');
    t.throws(
      () => {
        a.transport.setCredentials({ certificate: 'x', key: 'y', authorities: [] });
      },
      { code: 'CERTIFICATE_INVALID' },
    );
    for (const node of [a, b]) node.transport.setCredentials(await credentialsOf(node.name, { authority: next }));
    await until('they meet again under the new one', () => a.transport.counters().get('b')?.connections === 2);
    await connected(a, b);
    await flow();
    a.transport.setCredentials(await credentialsOf('a', { believes: [old] }));
    t.match(await a.event('disconnected'), { peer: 'b' });
    t.same(
      b.messages,
      Array.from({ length: sent }, (_, index) => String(index + 1)),
    );
  },
);

t.test('a certificate that expires ends its connection', async (t) => {
  let now = Date.now();
  const clock = { ...systemClock, now: () => now };
  const [a, b] = [
    await startNode(t, 'a'),
    await startNode(t, 'b', { clock, limits: { keepaliveMs: 10, silentPeriodsMax: 1e6 } }),
  ];
  introduceAll(a, b);
  await connected(a, b);
  now += 91 * 86_400_000;
  t.match(await b.event('refused', 'certificate'), { peer: 'a', message: /has expired/ });
});
