/** Forwarded appends: what its sender was told is "not done" is never done, whatever the network repeats. */
import t, { type Test } from 'tap';
import { AppendRouting } from '#src/log/append-routing.js';
import { AppendLanes } from '#src/log/append-lanes.js';
import { ClientAppends } from '#src/log/client-appends.js';
import { firstNumber } from '#src/log/numbering.js';
import type { WireMessage } from '#src/log/wire-message.js';
import { ballot, nodeId } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import { clock, refusedOperation } from './support.js';

const BALLOT = ballot(1, nodeId('a'));

const LIMITS = { pendingMax: 10, pendingBytesMax: 1 << 24, entryBytesMax: 4 << 20, timeoutMs: 1000 };

type Forward = Extract<WireMessage, { readonly type: 'forward' }>;

class Leader {
  readonly sent: WireMessage[] = [];
  readonly proposed: string[] = [];
  readonly appends: ClientAppends;
  readonly routing: AppendRouting;

  constructor() {
    const noTimers = { after: () => () => undefined };
    this.appends = new ClientAppends(new AppendLanes('a', 8), LIMITS, clock, noTimers);
    const user = {
      send: (_to: string, message: WireMessage): void => void this.sent.push(message),
      propose: (entries: readonly Uint8Array[]) => {
        this.proposed.push(...entries.map((bytes) => Buffer.from(bytes).toString()));
        return { refused: new Set<Uint8Array>(), reason: '' };
      },
    };
    this.routing = new AppendRouting(user, this.appends, firstNumber('a'));
  }

  submit(text: string): void {
    const asked = { operation: refusedOperation, request: null, key: null, encoded: Buffer.from(text) };
    void this.appends.submit(asked, slot(0));
  }

  /** Proposes all that waits; what goes together. */
  batches(): readonly (readonly string[])[] {
    const batches: string[][] = [];
    while (this.routing.hasProposals) {
      const before = this.proposed.length;
      this.routing.propose(1);
      batches.push(this.proposed.slice(before));
    }
    return batches;
  }

  hears(forward: Forward): readonly string[] {
    const before = this.proposed.length;
    this.routing.forwarded('c', forward);
    if (this.routing.hasProposals) this.routing.propose(1);
    return this.proposed.slice(before);
  }
}

function forward(number: number, text: string): Forward {
  return { type: 'forward', ballot: BALLOT, number: firstNumber('c') + number, entries: [Buffer.from(text)] };
}

function refusals(leader: Leader): number {
  return leader.sent.filter(({ type }) => type === 'refused').length;
}

t.test('L6 a forward that was refused before its receiver led is not taken when a copy of it comes after', (t) => {
  const leader = new Leader();
  t.same(leader.hears(forward(1, 'x')), []);
  t.equal(refusals(leader), 1, 'its sender is told that nothing was done');
  leader.routing.leads(BALLOT);
  t.same(leader.hears(forward(1, 'x')), [], 'so it stays at that');
  t.same(leader.hears(forward(2, 'x')), ['x'], 'its next attempt is taken');
  t.end();
});

t.test('L6 nor is one that was held when its receiver stopped to lead for a moment', (t) => {
  const leader = new Leader();
  leader.routing.leads(BALLOT);
  leader.routing.forwarded('c', forward(1, 'x'));
  leader.routing.leads(null);
  t.equal(refusals(leader), 1);
  leader.routing.leads(BALLOT);
  t.same(leader.hears(forward(1, 'x')), []);
  t.end();
});

t.test('a copy of what was taken is not taken again, and other processes count for themselves', (t: Test) => {
  const leader = new Leader();
  leader.routing.leads(BALLOT);
  t.same(leader.hears(forward(5, 'x')), ['x']);
  t.same(leader.hears(forward(5, 'x')), []);
  t.same(leader.hears(forward(4, 'w')), [], 'nor one that was overtaken');
  t.equal(refusals(leader), 0, 'whose sender cannot tell it from taken');
  const restarted = { ...forward(1, 'y'), number: firstNumber('c, started again') + 1 };
  t.same(leader.hears(restarted), ['y']);
  t.end();
});

t.test('what others forward is proposed in pieces that one message can carry', (t) => {
  const leader = new Leader();
  leader.routing.leads(BALLOT);
  const sizes = [...Array.from({ length: 7 }, () => 300 << 10), 3 << 20, 1];
  for (const [index, size] of sizes.entries()) leader.routing.forwarded('c', forward(index, 'x'.repeat(size)));
  t.same(
    leader.batches().map(({ length }) => length),
    [3, 3, 1, 1, 1],
    'a mebibyte each, and what is larger by itself',
  );
  t.same(
    leader.proposed.map(({ length }) => length),
    sizes,
    'in their order, each once',
  );
  t.end();
});

t.test('and nothing goes beside a very large entry, whoever’s it is', (t) => {
  const leader = new Leader();
  leader.routing.leads(BALLOT);
  for (const [index, text] of ['a', 'b', 'c'.repeat(3 << 20), 'd'].entries())
    leader.routing.forwarded('c', forward(index, text));
  for (const text of ['x', 'y'.repeat(3 << 20), 'z']) leader.submit(text);
  t.same(
    leader.batches().map((batch) => batch.map((entry) => entry.slice(0, 1)).join('')),
    ['xab', 'c', 'y', 'zd'],
  );
  t.end();
});

t.test('an entry that members could not send each other is refused where it is asked for', async (t) => {
  const leader = new Leader();
  leader.routing.leads(BALLOT);
  const asked = { operation: refusedOperation, request: null, key: null };
  const result = await leader.appends.submit({ ...asked, encoded: Buffer.alloc(LIMITS.entryBytesMax + 1) }, slot(0));
  t.match(result, { status: 'notDone', reason: /^too large: .* 4194305 bytes/ });
  t.equal(leader.appends.pending, 0);
  leader.submit('x'.repeat(LIMITS.entryBytesMax));
  t.equal(leader.batches().length, 1, 'the largest that there may be');
});

t.test('a leader holds no more than so many bytes of what others forward', (t) => {
  const leader = new Leader();
  leader.routing.leads(BALLOT);
  const text = 'x'.repeat(8 << 20);
  for (let number = 1; number <= 10; number += 1) leader.routing.forwarded('c', forward(number, text));
  t.equal(leader.routing.intake, 8);
  t.equal(refusals(leader), 2);
  t.equal(leader.batches().length, 8);
  t.same(leader.hears(forward(11, 'y')), ['y'], 'and takes more when these are proposed');
  t.end();
});
