/** Entries on the wire: whatever they are, they come back, and runs that are none of ours are refused. */
import fc from 'fast-check';
import t from 'tap';
import { coreSender, decodeWire, encodeWire } from '#src/log/wire.js';
import type { StoreWord, WireMessage } from '#src/log/wire-message.js';
import { ballot, nodeId } from '#src/paxos/ballot.js';
import { slot, type LogEntry } from '#src/paxos/contiguous-log.js';
import type { Message } from '#src/paxos/messages.js';
import { encodeCbor } from '#src/wire/cbor.js';

const next = { id: 2, voters: [nodeId('a')], learners: [nodeId('b')], after: slot(9) };
const entry: fc.Arbitrary<LogEntry> = fc.record({
  ballot: fc
    .record({ round: fc.nat(1), node: fc.constantFrom('a', 'b') })
    .map(({ round, node }) => ballot(round, nodeId(node))),
  bytes: fc.uint8Array({ maxLength: 20 }),
  next: fc.constantFrom(null, null, null, next),
});

function learning(entries: readonly LogEntry[]): Extract<WireMessage, { readonly type: 'core' }> {
  return {
    type: 'core',
    configuration: 1,
    message: { type: 'learn', after: slot(0), entries, decided: slot(entries.length) },
    word: null,
  };
}

t.test('P2 any entries come back, each with its ballot, bytes and configuration', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  t.comment(`SEED=${String(seed)}`);
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
      const plain = entries.map((one) => ({ ...one, bytes: [...one.bytes] }));
      const { message } = decodeWire(encodeWire(learning(entries))) as ReturnType<typeof learning>;
      const back = message.type === 'learn' ? message.entries : [];
      t.same(
        back.map((one) => ({ ...one, bytes: [...one.bytes] })),
        plain,
      );
    }),
    { seed },
  );
});

t.test('a run that does not add up is refused', async (t) => {
  const three = new Uint8Array(3);
  const decode = (...runs: readonly unknown[]): unknown =>
    decodeWire(encodeCbor({ ...learning([]), message: { ...learning([]).message, entries: runs } }));
  t.ok(decode([1, 'a', [1, 2], three, null]), 'lengths that are those of the bytes');
  t.throws(() => decode([1, 'a', [1, 1], three, null]), /another length/, 'bytes that are nobody’s');
  t.throws(() => decode([1, 'a', [1, 3], three, null]), /another length/, 'an entry beyond the bytes');
  t.throws(() => decode([1, 'a', [4, -1], three, null]), /natural/);
  t.throws(() => decode([1, 'a', [0, 3], three, next]), /run of 2 entries/, 'a stop-sign stands alone');
  t.throws(() => decode([1, 'a', [], new Uint8Array(), null]), /run of 0 entries/);
  t.throws(() => decode([1, 'a', [3], three]), /4 items/);
  t.throws(() => decode([1, 'a', Array(20_000).fill(0), new Uint8Array(), null]), /more than/);
});

t.test('what goes to several members is encoded once, and only that', async (t) => {
  const sent: Uint8Array[] = [];
  let batches = 0;
  const word = ({ type }: Message): StoreWord | null => (type === 'accepted' ? { nonce: 'n', batches } : null);
  const send = coreSender((_, bytes) => sent.push(bytes), word);
  const say = (message: Message, configuration: number): Uint8Array | undefined => {
    send({ from: nodeId('a'), to: nodeId('b'), configuration, message });
    return sent.at(-1);
  };
  const { message } = learning([]);
  const first = say(message, 1);
  t.equal(say(message, 1), first, 'the same message again');
  t.not(say(message, 2), first, 'said in another configuration');
  t.not(say({ ...message }, 2), sent[2], 'another one that is equal');
  const vote = { type: 'accepted', ballot: ballot(1, nodeId('a')), last: slot(1) } as const;
  say(vote, 2);
  batches = 1;
  say(vote, 2);
  const words = sent.slice(-2).map((bytes) => (decodeWire(bytes) as ReturnType<typeof learning>).word?.batches);
  t.same(words, [0, 1], 'D9 each vote bears its own word');
});
