/** The parts that decide without a socket. */
import t from 'tap';
import { Backoff } from '#src/adapters/transport-tls/backoff.js';
import { Inbox } from '#src/adapters/transport-tls/inbox.js';
import { Repeats } from '#src/adapters/transport-tls/repeats.js';
import { SendQueue } from '#src/adapters/transport-tls/send-queue.js';
import { peerNameIn, peerUri } from '#src/wire/peer-uri.js';
import { seeded } from '../support/seeded.js';

t.test('waiting doubles up to the maximum, half of it is random, and a reset begins anew', async (t) => {
  const bounds = { minMs: 50, maxMs: 3000 };
  const low = new Backoff(bounds, { bytes: (count) => new Uint8Array(count) });
  t.same(
    Array.from({ length: 8 }, () => low.next()),
    [25, 50, 100, 200, 400, 800, 1500, 1500],
  );
  const high = new Backoff(bounds, { bytes: (count) => new Uint8Array(count).fill(255) });
  t.same(
    Array.from({ length: 8 }, () => high.next()),
    [50, 100, 200, 400, 800, 1600, 3000, 3000],
  );
  high.reset();
  t.equal(high.next(), 50);
  for (let index = 0; index < 2000; index += 1) high.next();
  t.equal(high.next(), 3000, 'and it never overflows');
  const random = seeded(t);
  const some = new Set(Array.from({ length: 50 }, () => new Backoff(bounds, random).next()));
  t.ok(some.size > 5, `${String(some.size)} different first waits`);
});

t.test('the queue keeps order and bounds, and refuses the newest', async (t) => {
  const queue = new SendQueue({ bytesMax: 10, framesMax: 3 });
  t.same(
    ['aaaa', 'bbbb', 'ccc', 'dd', 'e'].map((text) => queue.offer(Buffer.from(text))),
    [true, true, false, true, false],
  );
  t.same([queue.bytes, queue.frames], [10, 3]);
  t.equal(Buffer.from(queue.take(8) ?? []).toString(), 'aaaabbbb');
  t.equal(queue.offer(Buffer.from('ffffffff')), true);
  t.equal(Buffer.from(queue.take(4) ?? []).toString(), 'dd', 'not beyond the batch');
  t.equal(Buffer.from(queue.take(4) ?? []).toString(), 'ffffffff', 'but one frame whatever its size');
  t.equal(queue.take(4), null);
  t.same([queue.bytes, queue.frames], [0, 0]);
});

t.test('a long queue is the same as a list', async (t) => {
  const random = seeded(t);
  const queue = new SendQueue({ bytesMax: 1e9, framesMax: 1e9 });
  const model: number[] = [];
  const taken: number[] = [];
  let next = 0;
  for (let round = 0; round < 20_000; round += 1) {
    for (let count = random.below(4); count > 0; count -= 1) {
      queue.offer(Uint8Array.of(next % 251));
      model.push(next % 251);
      next += 1;
    }
    if (random.below(2) === 0) taken.push(...(queue.take(random.below(6)) ?? []));
  }
  taken.push(...(queue.take(Infinity) ?? []));
  t.equal(Buffer.compare(Buffer.from(taken), Buffer.from(model)), 0, `${String(model.length)} frames`);
});

t.test('equal events are told once in a while, with the number in between', async (t) => {
  let now = 0;
  const repeats = new Repeats({ now: () => 0, monotonic: () => now }, 1000);
  t.same([repeats.tell('x'), repeats.tell('x'), repeats.tell('y'), repeats.tell('x')], [0, null, 0, null]);
  now = 1000;
  t.same([repeats.tell('x'), repeats.tell('x')], [2, null]);
  repeats.forget('x');
  t.equal(repeats.tell('x'), 0, 'after success it is news again');
});

t.test('the inbox holds the source beyond a bound and releases it at half', async (t) => {
  const log: string[] = [];
  const source = { hold: () => log.push('hold'), release: () => log.push('release') };
  const inbox = new Inbox({ bytesMax: 100, framesMax: 10 });
  for (const bytes of [60, 40, 1, 1]) inbox.began(bytes, source);
  t.same(log, ['hold'], 'once');
  inbox.finished(40);
  t.same(log, ['hold'], 'still above the half');
  inbox.finished(60);
  t.same(log, ['hold', 'release']);
});

t.test('a certificate names exactly one node', async (t) => {
  const uri = peerUri({ cluster: 'c1', node: 'alpha' });
  t.same(peerNameIn(`URI:${uri}`), { cluster: 'c1', node: 'alpha' });
  t.same(peerNameIn(`DNS:host, URI:${uri}`), { cluster: 'c1', node: 'alpha' });
  for (const names of [
    undefined,
    '',
    'DNS:c1',
    `URI:${uri}, URI:snapcommit://c1/beta`,
    `DNS:"x, URI:${uri}"`,
    'URI:snapcommit://c1/',
    'URI:snapcommit://c1/a/b',
    `URI:https://c1/a`,
    `URI:${uri}?x`,
  ])
    t.equal(peerNameIn(names), null, String(names));
});
