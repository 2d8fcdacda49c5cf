/** What a leader tells its members to be decided: with the next `accept` where there is one, soon where there is none. */
import t from 'tap';
import { HeldDecides } from '#src/log/held-decides.js';
import { ballot, nodeId } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Envelope, Message } from '#src/paxos/messages.js';

const [a, b, c] = [nodeId('a'), nodeId('b'), nodeId('c')];
const under = ballot(3, a);

function decide(decided: number): Message {
  return { type: 'decide', ballot: under, decided: slot(decided) };
}

function accept(decided: number): Message {
  return { type: 'accept', ballot: under, after: slot(decided), entries: [], decided: slot(decided) };
}

function to(node: typeof a, message: Message): Envelope {
  return { from: a, to: node, configuration: 1, message };
}

/** What was sent, and the timers that wait. */
function harness() {
  const sent: Envelope[] = [];
  const timers: (() => void)[] = [];
  const held = new HeldDecides(
    {
      after: (_delayMs, action) => {
        timers.push(action);
        return () => undefined;
      },
    },
    (envelope) => sent.push(envelope),
  );
  const fire = (): void => {
    for (const action of timers.splice(0)) action();
  };
  /** Long enough for whatever is held. */
  const pass = (): void => {
    fire();
    fire();
  };
  return { held, sent, timers, fire, pass };
}

t.test('the next accept says it, and nothing else is sent', async (t) => {
  const { held, sent, timers, pass } = harness();
  held.pass(to(b, decide(4)));
  t.same(sent, []);
  held.pass(to(b, accept(4)));
  pass();
  t.same(sent, [to(b, accept(4))]);
  t.same(timers, [], 'and nothing waits');
});

t.test('what came just before the timer waits for the next, for an accept that may come just after it', async (t) => {
  const { held, sent, fire } = harness();
  for (const slot of [4, 5, 6]) {
    held.pass(to(b, decide(slot)));
    fire();
    held.pass(to(b, accept(slot)));
  }
  t.same(sent, [to(b, accept(4)), to(b, accept(5)), to(b, accept(6))], 'no decide went besides');
  held.pass(to(b, decide(7)));
  held.pass(to(c, decide(7)));
  fire();
  held.pass(to(b, decide(8)));
  fire();
  t.same(sent.slice(3), [to(b, decide(8)), to(c, decide(7))], 'what goes on being held goes with the second');
});

t.test('where no accept follows, each member is told soon, and only the newest', async (t) => {
  const { held, sent, timers, pass } = harness();
  held.pass(to(b, decide(4)));
  held.pass(to(c, decide(4)));
  held.pass(to(b, decide(5)));
  t.equal(timers.length, 1);
  pass();
  t.same(sent, [to(b, decide(5)), to(c, decide(4))]);
  held.pass(to(b, decide(6)));
  pass();
  t.same(sent.slice(2), [to(b, decide(6))]);
});

t.test('an accept to one member tells the others nothing', async (t) => {
  const { held, sent, pass } = harness();
  held.pass(to(b, decide(4)));
  held.pass(to(c, accept(4)));
  pass();
  t.same(sent, [to(c, accept(4)), to(b, decide(4))]);
});

t.test('a member whose callers wait is told at once, for as long as it goes on asking', async (t) => {
  const { held, sent } = harness();
  held.tick(1);
  held.pass(to(b, decide(4)));
  held.asked('b');
  t.same(sent, [to(b, decide(4))], 'also what was held');
  held.pass(to(b, decide(5)));
  t.same(sent.slice(1), [to(b, decide(5))]);
  held.tick(30);
  held.pass(to(b, decide(6)));
  t.equal(sent.length, 2, 'it asked for nothing since');
});

t.test('everything else passes as it comes', async (t) => {
  const { held, sent, timers } = harness();
  const heartbeat: Message = { type: 'heartbeat', round: 1 };
  held.pass(to(b, heartbeat));
  t.same(sent, [to(b, heartbeat)]);
  t.same(timers, []);
});
