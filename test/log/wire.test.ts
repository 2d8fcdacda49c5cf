/** The wire format: every message as bytes, and what is refused. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { WireMessage } from '#src/log/wire-message.js';
import { decodeWire, encodeWire } from '#src/log/wire.js';
import { ballot, nodeId } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Message } from '#src/paxos/messages.js';

const golden = fileURLToPath(new URL('../../../test/log/golden/wire.txt', import.meta.url));
const [a, b] = [nodeId('a'), nodeId('b')];
const under = ballot(7, a);
const bytes = new Uint8Array([1, 2, 3]);
const next = { id: 2, voters: [a, b], learners: [], after: slot(6) };
const entries = [
  { ballot: under, bytes, next: null },
  { ballot: under, bytes: new Uint8Array(0), next },
];
const log = { accepted: ballot(5, b), decided: slot(3), last: slot(4) };
const seen = { id: 'store-1', starts: 2, nonce: 'n2', batches: 40 };
const life = { ...seen, startedAt: 30, earlier: [{ start: 1, nonce: 'n1', startedAt: 0, batches: 30 }] };

const CORE: readonly Message[] = [
  { type: 'prepare', ballot: under, ...log },
  { type: 'promise', ballot: under, ...log, after: slot(3), suffix: entries, standing: 'voting' },
  { type: 'acceptSync', ballot: under, after: slot(3), entries, decided: slot(3) },
  { type: 'accept', ballot: under, after: slot(4), entries: entries.slice(0, 1), decided: slot(4) },
  { type: 'accepted', ballot: under, last: slot(5) },
  { type: 'decide', ballot: under, decided: slot(5) },
  { type: 'nack', ballot: under, promised: ballot(8, b) },
  { type: 'compacted', ballot: under, base: slot(3) },
  { type: 'confirm', ballot: under, round: 2 },
  { type: 'confirmed', ballot: under, round: 2 },
  { type: 'heartbeat', round: 9 },
  { type: 'heartbeatReply', round: 9, ballot: under, happy: true, standing: 'damaged', decided: slot(5) },
  { type: 'fetch', after: slot(2) },
  { type: 'learn', after: slot(3), entries, decided: slot(5) },
  { type: 'handover' },
];
const MESSAGES: readonly WireMessage[] = [
  ...CORE.map((message): WireMessage => ({ type: 'core', configuration: 1, message, word: null })),
  {
    type: 'core',
    configuration: 1,
    message: { type: 'accepted', ballot: under, last: slot(5) },
    word: { nonce: 'n2', batches: 41 },
  },
  { type: 'greeting', life, configuration: 2, forgetfulThrough: 0, answer: true },
  { type: 'verdict', nonce: 'n2', verdict: 'rolledBack', configuration: 1 },
  { type: 'lives', lives: { b: { ...seen, configuration: 3 } } },
  { type: 'forward', ballot: under, number: 12, entries: [bytes] },
  { type: 'refused', ballot: under, number: 12, indices: [0], reason: 'busy' },
  { type: 'readIndex', id: 5 },
  { type: 'readAt', id: 5, slot: slot(9) },
  { type: 'readAt', id: 5, slot: null },
  { type: 'pull', transfer: 3, index: 0 },
  { type: 'chunk', transfer: 3, index: 0, slot: slot(9), sha256: bytes, bytes, last: true },
  { type: 'gone', transfer: 3 },
  { type: 'reconfigure', id: 1, base: 1, voters: [a], learners: [b] },
  { type: 'reconfigureRefused', id: 1, reason: 'behind' },
  { type: 'transfer' },
];

t.test('every message comes back as it went, in bytes that are on record', async (t) => {
  const lines = MESSAGES.map((message) => {
    const encoded = encodeWire(message);
    const name = message.type === 'core' ? message.message.type : message.type;
    t.same(Buffer.from(encodeWire(decodeWire(encoded))), Buffer.from(encoded), name);
    return `${name} ${Buffer.from(encoded).toString('hex')}`;
  });
  const text = `${lines.join('\n')}\n`;
  // UPDATE=1 puts a changed format on record: old and new nodes will not understand each other.
  if (process.env['UPDATE'] === '1') writeFileSync(golden, text);
  t.equal(text, readFileSync(golden, 'utf8'), 'the format is the one on record');
});

t.test('whatever comes in, the decoder answers a message or throws what the host drops', async (t) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const rounds = Number(process.env['ROUNDS'] ?? 40_000);
  t.comment(`SEED=${String(seed)}`);
  let state = seed;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % limit;
  };
  const good = MESSAGES.map(encodeWire);
  let refused = 0;
  for (let round = 0; round < rounds; round += 1) {
    const bytes = mangled(good[below(good.length)] ?? new Uint8Array(), below);
    try {
      decodeWire(bytes);
    } catch (error) {
      refused += 1;
      if (!(error instanceof TypeError || error instanceof RangeError)) {
        t.fail(`SEED=${String(seed)}: ${Buffer.from(bytes).toString('hex')}`, { error });
        return;
      }
    }
  }
  t.ok(refused > rounds / 2, `${String(refused)} of ${String(rounds)} refused`);
});

t.test('what has a field too many, one too few or one of another kind is refused', async (t) => {
  const { encodeCbor } = await import('#src/wire/cbor.js');
  const wrong: readonly unknown[] = [
    { type: 'readIndex' },
    { type: 'readIndex', id: -1 },
    { type: 'readIndex', id: 1.5 },
    { type: 'readIndex', id: 1, more: 1 },
    { type: 'unheard' },
    { type: 'core', configuration: 1, message: { type: 'decide', ballot: { round: -1, node: 'a' }, decided: 1 } },
    { type: 'core', configuration: 1, message: { type: 'accepted', ballot: { round: 1, node: 7 }, last: 1 } },
    {
      type: 'reconfigure',
      id: 1,
      base: 1,
      voters: Array.from({ length: 65 }, (_, n) => `n${String(n)}`),
      learners: [],
    },
    { type: 'verdict', nonce: 'n'.repeat(129), verdict: 'known', configuration: 1 },
    [],
    null,
    7,
  ];
  for (const value of wrong) t.throws(() => decodeWire(encodeCbor(value)), JSON.stringify(value));
});

/** Some bytes changed, dropped, doubled or added. */
function mangled(original: Uint8Array, below: (limit: number) => number): Uint8Array {
  const bytes = [...original];
  for (let changes = 1 + below(4); changes > 0; changes -= 1) {
    const at = below(bytes.length + 1);
    const how = below(4);
    if (how === 0) bytes[at] = below(256);
    else if (how === 1) bytes.splice(at, 1 + below(4));
    else if (how === 2) bytes.splice(at, 0, ...bytes.slice(at, at + below(16)));
    else bytes.splice(at, 0, below(256));
  }
  return new Uint8Array(bytes);
}
