/** Nobody can make a node wait, or keep more than it allows. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { systemTimers } from '#src/adapters/timers-system.js';
import type { Timers } from '#src/ports/timers.js';
import { encodeCbor } from '#src/wire/cbor.js';
import { encodeFrame, FrameDecoder } from '#src/wire/frames.js';
import {
  CLUSTER,
  connected,
  credentialsOf,
  introduceAll,
  say,
  startNode,
  type TestNode,
} from '../support/transport.js';
import { until } from '../support/until.js';

/** A member's certificate in the hands of a program of its own: what it says is the test's. */
async function rawMember(t: Test, name: string, to: TestNode): Promise<{ socket: TLSSocket; kinds: number[] }> {
  const { certificate, key } = await credentialsOf(name);
  const { host, port } = to.transport.address;
  const socket = connectTls({
    host,
    port,
    cert: certificate,
    key,
    ALPNProtocols: ['snapcommit-peer'],
    rejectUnauthorized: false,
  });
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  const kinds: number[] = [];
  const decoder = new FrameDecoder(1 << 20);
  socket.on('data', (chunk: Buffer) => {
    for (const { kind } of decoder.push(chunk)) kinds.push(kind);
  });
  await until('TLS', () => socket.getProtocol() === 'TLSv1.3');
  return { socket, kinds };
}

function hello(fields: object = {}): Buffer {
  const plain = {
    protocol: 1,
    cluster: CLUSTER,
    node: 'a',
    to: 'b',
    incarnation: 1,
    store: 's',
    configuration: 1,
    notes: {},
  };
  return encodeFrame(1, encodeCbor({ ...plain, ...fields }));
}

/** `b`, which knows an `a` that never calls by itself. */
async function calledNode(t: Test, wish: Parameters<typeof startNode>[2] = {}): Promise<TestNode> {
  const b = await startNode(t, 'b', wish);
  b.transport.setPeers(new Map([['a', { host: '127.0.0.1', port: 9 }]]));
  return b;
}

/** Connections that say nothing, once they are open. */
async function strangersAt(t: Test, to: TestNode, count: number, localAddress = '127.0.0.1'): Promise<Socket[]> {
  const { host, port } = to.transport.address;
  const sockets: Socket[] = [];
  for (let n = 0; n < count; n += 1) {
    const socket = connectTcp({ host, port, localAddress });
    socket.on('error', () => undefined);
    socket.resume();
    t.teardown(() => socket.destroy());
    sockets.push(socket);
    await once(socket, 'connect');
  }
  return sockets;
}

/** The event loop's timers, which count how often one of `delayMs` came: a test waits for periods, not for a time. */
function countedTimers(delayMs: number): { timers: Timers; passed: () => number } {
  let count = 0;
  const after: Timers['after'] = (wanted, action) =>
    systemTimers.after(wanted, () => {
      if (wanted === delayMs) count += 1;
      action();
    });
  return { timers: { after }, passed: () => count };
}

const BAD_STARTS: readonly (readonly [string, string, () => Buffer])[] = [
  ['garbage', 'protocol', () => Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['an oversized hello', 'protocol', () => encodeFrame(1, Buffer.alloc(20_000))],
  ['frames of another version', 'version', () => Buffer.from('0000000209010000', 'hex')],
  ['a hello of another protocol', 'version', () => hello({ protocol: 2 })],
  ['a hello that is not CBOR', 'protocol', () => encodeFrame(1, Buffer.from('9a06000000', 'hex'))],
  ['a hello with a field too many', 'protocol', () => hello({ admin: true })],
  ['a hello of another cluster', 'cluster', () => hello({ cluster: 'c2' })],
  ['a hello in the name of another', 'node', () => hello({ node: 'c' })],
  ['a hello for another', 'node', () => hello({ to: 'c' })],
  ['a message before the hello', 'protocol', () => encodeFrame(5, Buffer.from('x'))],
  ['a frame of an unknown kind', 'protocol', () => encodeFrame(99, Buffer.from('x'))],
];

t.test('what a member may not begin with', async (t) => {
  for (const [what, reason, bytes] of BAD_STARTS) {
    const b = await calledNode(t);
    const { socket, kinds } = await rawMember(t, 'a', b);
    socket.write(bytes());
    const refused = await b.event('refused', reason);
    t.match(refused, { by: 'us', peer: 'a' }, `${what}: ${refused.message}`);
    await until('the peer is told', () => kinds.includes(3));
    await until('it is closed', () => socket.closed);
    t.notOk(b.events.some(({ type }) => type === 'connected'));
  }
});

t.test('an oversized message ends the connection; our own is not sent', async (t) => {
  const b = await calledNode(t, { limits: { messageBytesMax: 1000 } });
  const { socket, kinds } = await rawMember(t, 'a', b);
  socket.write(Buffer.concat([hello(), encodeFrame(2, Buffer.alloc(0)), encodeFrame(5, Buffer.from('fits'))]));
  await until('a message', () => b.messages.length === 1);
  b.transport.send('a', Buffer.alloc(1001));
  t.equal(b.transport.counters().get('a')?.droppedOversized, 1);
  socket.write(encodeFrame(5, Buffer.alloc(1001)));
  t.match(await b.event('refused', 'protocol'), { message: /1001 bytes, but at most 1000/ });
  t.match(await b.event('disconnected'), { peer: 'a' });
  t.ok(kinds.includes(3));
});

t.test('strangers are bounded, in number and in time', async (t) => {
  const b = await calledNode(t, { limits: { strangersMax: 3, greetingMs: 300 } });
  const sockets = await strangersAt(t, b, 6);
  t.match(await b.event('refused', 'busy'), { by: 'us', peer: null, message: /have not introduced themselves yet/ });
  await until('all are thrown out', () => sockets.every((socket) => socket.closed));
  t.match(await b.event('refused', 'protocol'), { message: /handshake/ }, 'the newest three by their deadline');
});

t.test('strangers that say nothing keep no member out: the oldest makes room', async (t) => {
  const limits = { strangersMax: 8, strangersPerAddressMax: 4, greetingMs: 60_000 };
  const b = await calledNode(t, { limits });
  const there = await strangersAt(t, b, 4, '127.0.0.2');
  const here = await strangersAt(t, b, 4);
  await strangersAt(t, b, 1);
  await until('the oldest of that address is gone', () => here[0]?.closed === true);
  t.same([here[1]?.closed, there[0]?.closed], [false, false], 'and nobody else');
  await strangersAt(t, b, 1, '127.0.0.3');
  await until('the oldest of all is gone', () => there[0]?.closed === true);
  t.same([here[1]?.closed, there[1]?.closed], [false, false], 'and nobody else');
  const a = await startNode(t, 'a');
  introduceAll(a, b);
  await connected(a, b);
  t.pass('a member gets in at once');
});

t.test('who shows a member’s certificate is no stranger, and introduces itself once at a time', async (t) => {
  const b = await calledNode(t, { limits: { strangersMax: 2, greetingMs: 60_000 } });
  const greeting = async (): Promise<TLSSocket> => {
    const { socket, kinds } = await rawMember(t, 'a', b);
    socket.write(hello());
    await until('an answer to its hello', () => kinds.includes(1));
    return socket;
  };
  const first = await greeting();
  await strangersAt(t, b, 6);
  first.write(Buffer.concat([encodeFrame(2, Buffer.alloc(0)), encodeFrame(5, Buffer.from('hi'))]));
  await until('its message', () => b.messages.includes('hi'));
  t.notOk(first.closed, 'six strangers after it took no place of it');
  const second = await greeting();
  await greeting();
  await until('the one before is cut', () => second.closed);
  t.notOk(first.closed, 'the connection that counts stays until another one counts');
});

t.test('a member that says nothing after TLS is thrown out', async (t) => {
  const b = await calledNode(t, { limits: { greetingMs: 200 } });
  const { socket } = await rawMember(t, 'a', b);
  t.match(await b.event('refused', 'protocol'), { message: /did not introduce itself in time/ });
  await until('it is closed', () => socket.closed);
  t.pass('closed');
});

t.test('a flood: reading stops while the user is behind, and goes on when it has caught up', async (t) => {
  let open: (() => void)[] = [];
  let held = true;
  let seen = 0;
  const onMessage = async (): Promise<void> => {
    seen += 1;
    if (held) await new Promise<void>((resolve) => open.push(resolve));
  };
  const { timers, passed } = countedTimers(20);
  const b = await startNode(t, 'b', {
    limits: { unhandledFramesMax: 50, keepaliveMs: 20, silentPeriodsMax: 3 },
    user: { onMessage },
    timers,
  });
  const a = await startNode(t, 'a', {
    limits: { keepaliveMs: 20, silentPeriodsMax: 1e9, queuedFramesMax: 1e9, queuedBytesMax: 1e9 },
  });
  introduceAll(a, b);
  await connected(a, b);
  const COUNT = 20_000;
  for (let index = 0; index < COUNT; index += 1) a.transport.send('b', Buffer.alloc(2000));
  await until('it is paused', () => b.transport.counters().get('a')?.pauses === 1);
  await until(
    'the sender is stuck',
    () => (a.transport.counters().get('b')?.queuedFrames ?? 0) > 0 && open.length > 50,
  );
  const reached = open.length;
  const before = passed();
  await until('more periods than the silent are given', () => passed() > before + 10);
  t.ok(open.length < 2000 && open.length - reached < 2000, `${String(open.length)} of ${String(COUNT)} were taken`);
  t.notOk(
    b.events.some(({ type }) => type === 'disconnected'),
    'who is not read is not called silent',
  );
  held = false;
  for (const resolve of open) resolve();
  open = [];
  await until('everything arrived', () => seen === COUNT);
  t.equal(b.transport.counters().get('a')?.receivedFrames, COUNT);
});

t.test('a slow reader: the queue is bounded, the newest are refused, and nobody waits', async (t) => {
  const b = await calledNode(t, { limits: { queuedFramesMax: 100, queuedBytesMax: 1 << 20 } });
  const { socket, kinds } = await rawMember(t, 'a', b);
  socket.write(Buffer.concat([hello(), encodeFrame(2, Buffer.alloc(0))]));
  await b.event('connected');
  await until('its hello', () => kinds.includes(1));
  socket.pause();
  const message = Buffer.alloc(100_000);
  const full = (): boolean => (b.transport.counters().get('a')?.droppedFull ?? 0) > 100;
  await until('it is full', () => {
    for (let index = 0; index < 100; index += 1) b.transport.send('a', message);
    return full();
  });
  const counters = b.transport.counters().get('a');
  t.ok((counters?.queuedBytes ?? Infinity) <= 1 << 20, 'bytes are bounded');
  t.ok((counters?.queuedFrames ?? Infinity) <= 100);
  for (let index = 0; index < 500; index += 1) b.transport.send('a', Buffer.alloc(1));
  t.ok((b.transport.counters().get('a')?.queuedFrames ?? Infinity) <= 100, 'frames are bounded');
  socket.resume();
  await until('what was queued arrives', () => b.transport.counters().get('a')?.queuedFrames === 0);
  const sent = b.transport.counters().get('a')?.sentFrames ?? 0;
  await until('all of it', () => kinds.filter((kind) => kind === 5).length === sent);
  t.equal(kinds.filter((kind) => kind === 5).length, sent, 'what was counted as sent arrived');
});

t.test('a peer that falls silent without closing is noticed, on both sides of the silence', async (t) => {
  const b = await calledNode(t, { limits: { keepaliveMs: 20, silentPeriodsMax: 3 } });
  const { socket } = await rawMember(t, 'a', b);
  socket.write(Buffer.concat([hello(), encodeFrame(2, Buffer.alloc(0))]));
  await b.event('connected');
  t.match(await b.event('disconnected'), { peer: 'a', message: 'silent for 60 ms' });
});

t.test('peers that have nothing to say stay connected', async (t) => {
  const limits = { keepaliveMs: 10, silentPeriodsMax: 30 };
  const [ofA, ofB] = [countedTimers(10), countedTimers(10)];
  const a = await startNode(t, 'a', { limits, timers: ofA.timers });
  const b = await startNode(t, 'b', { limits, timers: ofB.timers });
  introduceAll(a, b);
  await connected(a, b);
  await until('three times what the silent are given', () => ofA.passed() > 100 && ofB.passed() > 100);
  say(a, 'b', 'still there');
  await until('it arrives', () => b.messages.length === 1);
  t.notOk([...a.events, ...b.events].some(({ type }) => type === 'disconnected'));
});

t.test('a second connection of the same node replaces the first', async (t) => {
  const b = await calledNode(t);
  const first = await rawMember(t, 'a', b);
  first.socket.write(Buffer.concat([hello(), encodeFrame(2, Buffer.alloc(0))]));
  await until('the first', () => b.transport.counters().get('a')?.connections === 1);
  const second = await rawMember(t, 'a', b);
  second.socket.write(Buffer.concat([hello(), encodeFrame(2, Buffer.alloc(0)), encodeFrame(5, Buffer.from('new'))]));
  await until('the second', () => b.messages.includes('new'));
  await until('the first is closed', () => first.socket.closed);
  t.equal(b.transport.counters().get('a')?.connected, true);
  t.match(await b.event('disconnected'), { message: 'replaced by a newer connection' });
  t.strictSame(
    b.events.map(({ type }) => type),
    ['connected', 'disconnected', 'connected'],
    'the end of the first is told before the second begins, so that the peer does not count as gone',
  );
});

t.test('who is taken out and in again at once is connected', async (t) => {
  const b = await calledNode(t);
  const first = await rawMember(t, 'a', b);
  first.socket.write(Buffer.concat([hello(), encodeFrame(2, Buffer.alloc(0))]));
  await b.event('connected');
  const members = new Map([['a', { host: '127.0.0.1', port: 9 }]]);
  b.transport.setPeers(new Map());
  b.transport.setPeers(members);
  const second = await rawMember(t, 'a', b);
  second.socket.write(Buffer.concat([hello(), encodeFrame(2, Buffer.alloc(0)), encodeFrame(5, Buffer.from('back'))]));
  await until('it is back', () => b.messages.includes('back'));
  t.strictSame(
    b.events.map(({ type }) => type),
    ['connected', 'disconnected', 'refused', 'connected'],
  );
  second.socket.destroy();
  await until('its end', () => b.transport.counters().get('a')?.connected === false);
  t.equal(b.events.filter(({ type }) => type === 'disconnected').length, 2, 'each of the two ends once');
});

t.test('the wrong one calls', async (t) => {
  const a = await startNode(t, 'a');
  a.transport.setPeers(new Map([['b', { host: '127.0.0.1', port: 9 }]]));
  const { socket } = await rawMember(t, 'b', a);
  socket.write(hello({ node: 'b', to: 'a' }));
  t.match(await a.event('refused', 'protocol'), { message: 'a calls b, not the other way round' });
});
