/** Joining with a token, renewing, and changing credentials while messages flow. */
import { stat, readFile, readdir } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import t, { type Test } from 'tap';
import {
  CredentialFiles,
  inspectCertificate,
  isRenewalDue,
  join,
  JOIN_PROTOCOL,
  joinService,
  makeAuthority,
  makeToken,
  openTokenFile,
  parseToken,
  renew,
  RENEW_PROTOCOL,
  renewService,
  type IssuerOptions,
  type Member,
} from '#src/adapters/certificates/index.js';
import { systemClock } from '#src/adapters/clock-system.js';
import { systemTimers } from '#src/adapters/timers-system.js';
import { temporaryDirectory } from '../support/temp.js';
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
  readonly file: string;
  token(wish?: { node?: string; lifeMs?: number; fingerprint?: string; cluster?: string }): Promise<string>;
}

async function startIssuer(t: Test): Promise<Issuer> {
  const file = joinPath(temporaryDirectory(t), 'tokens.json');
  const issuing = await authority();
  const ledger = await openTokenFile(file, systemClock);
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
  };
  const services = new Map([
    [JOIN_PROTOCOL, joinService(options)],
    [RENEW_PROTOCOL, renewService(options)],
  ]);
  const node = await startNode(t, 'b', { services });
  const token: Issuer['token'] = async (wish = {}) => {
    const { text, record } = makeToken({
      cluster: wish.cluster ?? CLUSTER,
      addresses: [{ host: '127.0.0.1', port: 9 }, node.transport.address],
      fingerprint: wish.fingerprint ?? inspectCertificate(issuing.certificate).fingerprint,
      node: wish.node ?? null,
      now: Date.now(),
      lifeMs: wish.lifeMs ?? 60_000,
    });
    await ledger.add(record);
    return text;
  };
  return { node, lines, file, token };
}

const apply = async (token: string, node: string): ReturnType<typeof join> =>
  join(token, node, systemClock, systemTimers);

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

t.test('a token works once, also for two at the same time and after the issuer has started again', async (t) => {
  const issuer = await startIssuer(t);
  const token = await issuer.token();
  const both = await Promise.allSettled([apply(token, 'x'), apply(token, 'y')]);
  t.equal(both.filter(({ status }) => status === 'fulfilled').length, 1, 'one of two');
  await t.rejects(apply(token, 'z'), { code: 'TOKEN_USED', message: /used before/ });
  const { secret } = parseToken(token);
  const kept = await readFile(issuer.file, 'utf8');
  t.notOk(
    kept.includes(Buffer.from(secret).toString('hex')) || kept.includes(Buffer.from(secret).toString('base64')),
    'no secret',
  );
  const reopened = await openTokenFile(issuer.file, systemClock);
  const hash = /"hash": "(\w+)"/.exec(kept)?.[1] ?? '';
  t.match(await reopened.find(hash), { used: true });
  t.equal(await reopened.consume(hash, { node: 'b', about: new Uint8Array() }), false, 'what was used stays used');
  t.equal((await stat(issuer.file)).mode & 0o777, 0o600);
});

t.test('tokens that are refused, each with its code', async (t) => {
  const issuer = await startIssuer(t);
  const fresh = await issuer.token();
  await t.rejects(apply(await issuer.token({ lifeMs: -1 }), 'a'), { code: 'TOKEN_EXPIRED' });
  // A joiner whose clock is behind does not see it; the issuer does.
  const behind = { ...systemClock, now: () => 0 };
  const late = join(await issuer.token({ lifeMs: -1 }), 'a', behind, systemTimers);
  await t.rejects(late, { code: 'TOKEN_EXPIRED' });
  await t.rejects(apply(await issuer.token({ node: 'c' }), 'a'), { code: 'DENIED', message: /for node c, not for a/ });
  await t.rejects(apply(fresh, 'b'), { code: 'EXISTS', message: /has a member called b/ });
  await t.rejects(apply(fresh, 'not a name'), { code: 'DENIED' });
  const unknown = makeToken({ ...parseToken(fresh), node: null, now: Date.now() }).text;
  await t.rejects(apply(unknown, 'a'), { code: 'DENIED', message: /not issued here/ });
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

t.test('a member renews; who is none, or shows nothing valid, does not', async (t) => {
  const issuer = await startIssuer(t);
  const { address } = issuer.node.transport;
  const name = { cluster: CLUSTER, node: 'b' };
  const old = await credentialsOf('b', { ageDays: 80 });
  t.equal(isRenewalDue(inspectCertificate(old.certificate), Date.now()), true);
  const renewed = await renew({ ...old, name }, [address], systemTimers);
  t.equal(isRenewalDue(inspectCertificate(renewed.certificate), Date.now()), false);
  t.not(renewed.key, old.key, 'a new key');
  const outsider = await credentialsOf('a');
  await t.rejects(renew({ ...outsider, name: { ...name, node: 'a' } }, [address], systemTimers), { code: 'DENIED' });
  await t.rejects(renew({ ...outsider, name }, [address], systemTimers), { code: 'DENIED' });
  const expired = await credentialsOf('b', { ageDays: 10, validDays: 5 });
  await t.rejects(renew({ ...expired, name }, [address], systemTimers), {
    code: 'DENIED',
    message: /join with a new token/,
  });
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

t.test('keys lie in files of mode 0600 in a directory of mode 0700', async (t) => {
  const directory = joinPath(temporaryDirectory(t), 'tls');
  const files = new CredentialFiles(directory);
  t.same([await files.readCredentials(), await files.readAuthority()], [null, null]);
  const credentials = await credentialsOf('a');
  await files.writeCredentials(credentials);
  await files.writeAuthority(await authority());
  t.same([await files.readCredentials(), await files.readAuthority()], [credentials, await authority()]);
  t.equal((await stat(directory)).mode & 0o777, 0o700);
  for (const name of await readdir(directory))
    t.equal((await stat(joinPath(directory, name))).mode & 0o777, 0o600, name);
});
