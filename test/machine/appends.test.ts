/** FAILURES L3, P7, T18: an append that comes twice is carried out once. SEED replays the random histories. */
import fc from 'fast-check';
import t from 'tap';
import { decodeState, encodeEntry, decodeEntry, encodeState, stateHash } from '#src/log/codec.js';
import { APPEND_CLIENTS_KEPT, APPEND_KEPT_SLOTS, APPENDS_KEPT_PER_CLIENT } from '#src/machine/appends.js';
import type { Applied } from '#src/machine/apply.js';
import { canonicalJson, stateDigest } from '#src/machine/digest.js';
import type { Entry, Epoch, Slot } from '#src/machine/entry.js';
import { emptyState, type State } from '#src/machine/state.js';
import { randomEntry, scripts, seed, SETUP } from './support/random.js';
import { deepFreeze, ScriptMachine } from './support/script-machine.js';

const APP = `
  addVolume db node=a
  createGroup app volumes=db
`;

/** Through the bytes of a checkpoint, as a replica that installs one. */
function install(machine: ScriptMachine): void {
  machine.state = deepFreeze(decodeState(encodeState(machine.state)));
}

/** What a history has decided, apart from where in the log it stands. */
function decided({ state, archive }: ScriptMachine): unknown {
  const named = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value, (key, part: unknown) => (SLOT_FIELDS.has(key) ? undefined : part)));
  const { volumes, groups, open, finished, pending, holds, pins, retiredNewest } = state;
  const first = (entries: State['finished']): unknown =>
    entries.map(({ transaction, decision }) => [transaction, decision]);
  return named([volumes, groups, open, first(finished), pending, holds, pins, retiredNewest, archive]);
}

const SLOT_FIELDS = new Set(['slot', 'beganSlot', 'decidedSlot', 'manifestDigest']);

t.test(
  'L3 P7 a log in which appends were retried gives the same state as one without, also across checkpoints',
  async (t) => {
    t.comment(`SEED=${String(seed)}`);
    let copies = 0;
    const property = fc.property(
      scripts,
      fc.array(fc.nat({ max: 6 }), { minLength: 10, maxLength: 60 }),
      (history, picks) => {
        const plain = new ScriptMachine(SETUP);
        const retried = new ScriptMachine(SETUP);
        const sent: { readonly entry: Entry; readonly answer: Applied }[] = [];
        history.forEach((one, index) => {
          // The same operation for both, made from the plain one; epochs are those that each log answered.
          const entry = randomEntry(one, plain.state, plain.begun);
          const append = { client: `c${String(index % 3)}`, sequence: index + 1, since: retried.state.applied };
          const theirs: Entry = { ...withEpoch(entry, plain, retried), append };
          const expected = plain.apply(entry);
          const answer = retried.apply(decodeEntry(encodeEntry(theirs)));
          if (expected.outcome.ok !== answer.outcome.ok) throw new Error(`${entry.operation.type} went another way`);
          sent.push({ entry: theirs, answer });
          const pick = picks[index % picks.length] ?? 0;
          if (pick === 3) install(retried);
          const again = sent.at(-1 - pick);
          if (pick > 4 || again === undefined) return;
          copies += 1;
          const repeated = retried.apply(again.entry);
          const same = stateless(repeated) === stateless(again.answer) && repeated.archive.length === 0;
          if (!same) throw new Error(`a copy of append ${String(again.entry.append?.sequence)} was answered otherwise`);
        });
        return canonicalJson(decided(plain)) === canonicalJson(decided(retried));
      },
    );
    t.doesNotThrow(() => {
      fc.assert(property, { seed, numRuns: 100 });
    });
    t.ok(copies > 0, `${String(copies)} copies`);
  },
);

function stateless({ slot, outcome }: Applied): string {
  return canonicalJson([slot, outcome]);
}

/** An epoch is a slot, and the two logs' slots differ: what is current in the one is made current in the other. */
function withEpoch(entry: Entry, plain: ScriptMachine, retried: ScriptMachine): Entry {
  const { operation } = entry;
  if (operation.type !== 'commit' && operation.type !== 'abort') return entry;
  const [ours, theirs] = [plain, retried].map(({ state }) => epochOf(state, operation.transaction));
  const isCurrent = ours?.slot === operation.epoch.slot && theirs !== undefined;
  return { ...entry, operation: { ...operation, epoch: isCurrent ? theirs : { incarnation: 9, slot: 1 as Slot } } };
}

function epochOf({ open, finished }: State, transaction: string): Epoch | undefined {
  return open[transaction]?.epoch ?? finished.find((one) => one.transaction === transaction)?.epoch;
}

t.test('L3 a copy of a begin is answered with its first slot, so both are given one epoch', async (t) => {
  const machine = new ScriptMachine(APP);
  const first = machine.step('begin t1 app append=c:1:2');
  machine.pass(5);
  const copy = machine.step('begin t1 app append=c:1:2');
  t.equal(copy.slot, first.slot);
  t.same(copy.outcome, first.outcome);
  t.equal(machine.state.open['t1']?.epoch.slot, first.slot);
});

t.test('L3 a stray copy of what was refused is refused, whatever has become of the reason', async (t) => {
  const machine = new ScriptMachine(`${APP} begin t1 app`);
  const refused = machine.step('begin t2 app append=c:1:3');
  t.match(refused.outcome, { ok: false, code: 'BUSY' });
  machine.run('abort t1');
  t.same(machine.step('begin t2 app append=c:1:3').outcome, refused.outcome);
  t.same(machine.state.open, {}, 'its sender was told no, and nothing began');
});

t.test('T18 L3 what was forgotten is refused, never carried out twice', async (t) => {
  const machine = new ScriptMachine(`${APP} begin t1 app\n commit t1`);
  machine.run('addHold app@1 keep append=c:1:4');
  machine.run('releaseHold app@1 keep');
  machine.pass(APPEND_KEPT_SLOTS + 512);
  t.same(machine.state.appends.clients, {}, 'a silent client leaves the state');
  for (const reload of [false, true]) {
    if (reload) install(machine);
    const late = machine.run('addHold app@1 keep append=c:1:4');
    t.match(late, { ok: false, code: 'APPEND_EXPIRED', message: /too long ago/ });
    t.same(machine.state.holds, {}, 'nothing done');
    t.match(machine.run('addHold app@1 keep append=d:1:4'), { code: 'APPEND_EXPIRED' }, 'nor can another one be told');
  }
  t.match(machine.run(`addHold app@1 other append=c:2:${String(machine.state.applied)}`), { ok: true });
  t.match(machine.run('addHold app@1 keep append=c:1:4'), { code: 'APPEND_EXPIRED' }, 'nor once its client is back');
});

t.test('the state keeps so many clients, and so many answers of each', async (t) => {
  const machine = new ScriptMachine();
  for (let n = 1; n <= APPEND_CLIENTS_KEPT + 40; n += 1) {
    machine.run(`published none@1 a append=client-${String(n)}:1:${String(machine.state.applied)}`);
  }
  const clients = (): readonly string[] => Object.values(machine.state.appends.clients).flatMap((b) => Object.keys(b));
  t.equal(clients().length, APPEND_CLIENTS_KEPT);
  t.notOk(clients().includes('client-40'), 'the one that was silent longest leaves');
  t.ok(clients().includes('client-41'));
  t.equal(machine.state.appends.forgotten, 40);
  t.match(machine.run('published none@1 a append=client-3:1:2'), { code: 'APPEND_EXPIRED' });
  const newest = `client-${String(APPEND_CLIENTS_KEPT + 40)}`;
  for (let n = 2; n <= 100; n += 1) {
    machine.run(`published none@1 a append=${newest}:${String(n)}:${String(machine.state.applied)}`);
  }
  const kept = Object.values(machine.state.appends.clients).flatMap((b) => b[newest]?.answers ?? []);
  t.equal(kept.length, APPENDS_KEPT_PER_CLIENT);
  t.ok(encodeState(machine.state).length < 100_000, `${String(encodeState(machine.state).length)} bytes`);
});

t.test('P10 who leaves does not depend on the order in which a checkpoint lists them', async (t) => {
  const machines = [new ScriptMachine(), new ScriptMachine()] as const;
  for (let n = 1; n <= APPEND_CLIENTS_KEPT + 100; n += 1) {
    if (n % 97 === 0) install(machines[1]);
    const client = `c${String((n * 7919) % 1009)}`;
    for (const machine of machines) machine.run(`published none@1 a append=${client}:1:${String(n - 1)}`);
  }
  t.equal(stateDigest(machines[1].state), stateDigest(machines[0].state));
  t.equal(stateHash(machines[1].state), stateHash(machines[0].state), 'to the byte');
});

t.test('a log that names no appends, nodes and tokens pays next to nothing for them', async (t) => {
  const { appends, members, departed, tokens, ...without } = emptyState(1);
  const unused = encodeState({ ...without, appends, members, departed, tokens }).length;
  t.ok(unused - encodeState(without as State).length < 64);
  const machine = new ScriptMachine(`${APP} begin t1 app\n commit t1`);
  t.equal(JSON.stringify(machine.state.appends), JSON.stringify(appends));
});
