/** What a node does with the calls that reach it: their order, the phases that `status` shows, and a command's way to them. */
import t from 'tap';
import { CallNames } from '#src/daemon/participants/call-name.js';
import { Phases } from '#src/daemon/participants/phases.js';
import type { Answers, Call, PhaseReport } from '#src/daemon/participants/protocol.js';
import { isStopping, unreachable } from '#src/daemon/participants/refusals.js';
import { RemoteParticipants } from '#src/daemon/participants/remote-participant.js';
import { participantHandler } from '#src/daemon/participants/service.js';
import { SnapcommitError } from '#src/errors.js';
import type { TransactionId } from '#src/machine/entry.js';
import { slot } from '#src/paxos/slot.js';
import type { RoundName } from '#src/ports/participant.js';
import { FakeTime } from '../support/call-world.js';
import { fakeParticipant, REPORT, SURVEY } from '../support/fake-participant.js';
import { until } from '../support/until.js';
import { cuttable, logWith, remote, serve } from './support.js';

const WORK = { transaction: 't1' as TransactionId, epoch: { incarnation: 1, slot: slot(5) } };
const ROUND: RoundName = { ...WORK, round: 1 };
const RECOVERY: Answers['recover'] = { actions: [{ action: 'abort', target: 't1', reason: 'gone' }], failures: [] };
const PROBLEM = { group: 'app', generation: 1, volume: 'v', problem: 'its snapshot is gone' };
const REQUEST = { mode: 'capture', volumes: ['v'], cgroups: ['/w'], units: ['w.service'] } as const;

function servicesOf(participant = fakeParticipant('b')) {
  const time = new FakeTime();
  const phases = new Phases(time, () => new Set(['t1', 't2']));
  const recover = async (dryRun: boolean) => Promise.resolve({ ...RECOVERY, actions: dryRun ? [] : RECOVERY.actions });
  const handler = participantHandler({ participant, recover, verify: async () => Promise.resolve([PROBLEM]), phases });
  return { time, phases, participant, ask: async (call: Call) => handler(call, 'a') };
}

t.test('every method of a participant reaches it through the daemon, and its answer comes back', async (t) => {
  const { ask, phases, participant } = servicesOf();
  const served = await serve(t, logWith({}), undefined, {
    calls: { ask: async (_node, _name, call) => ask(call) },
    phases,
  });
  const far = await remote(t, served.stateDirectory);
  const b = new RemoteParticipants(far).of('b');
  t.same(await b.survey(REQUEST), SURVEY);
  await b.quiesce(WORK);
  await b.prepare(ROUND);
  await b.freeze(ROUND);
  await b.stage(ROUND);
  t.same(await b.thaw(ROUND), REPORT);
  await b.endRound(ROUND);
  t.equal(await b.resume(WORK, 'staged'), true);
  t.same(await b.clone(WORK), [{ volume: 'v', path: '/clone' }]);
  t.same(await b.seal(WORK), REPORT.volumes);
  await b.close(WORK);
  t.equal(await b.reopen(WORK), false);
  await b.leave(WORK);
  await b.discard(WORK, 3);
  await b.publish('app', 7);
  t.same(participant.heard, [
    ['survey', REQUEST],
    ['quiesce', WORK],
    ['prepare', ROUND],
    ['freeze', ROUND],
    ['stage', ROUND],
    ['thaw', ROUND],
    ['endRound', ROUND],
    ['resume', WORK, 'staged'],
    ['clone', WORK],
    ['seal', WORK],
    ['close', WORK],
    ['reopen', WORK],
    ['leave', WORK],
    ['discard', WORK, 3],
    ['publish', 'app', 7],
  ]);
  t.same(await b.recover(false), RECOVERY);
  t.same(await b.recover(true), { actions: [], failures: [] });
  t.same(await b.verify('app', null), [PROBLEM]);
  far.tellPhase({ transaction: WORK.transaction, phase: 'freeze', hosts: { b: 'freeze' } });
  t.match(await b.phases(), [{ transaction: 't1', phase: 'freeze', hosts: [{ node: 'b', phase: 'freeze' }] }]);
});

t.test('steps of one transaction run in the order in which they came, those of two side by side', async (t) => {
  const participant = fakeParticipant('b');
  const { ask } = servicesOf(participant);
  const release = participant.hold('quiesce');
  const quiesced = ask({ type: 'quiesce', work: WORK });
  const resumed = ask({ type: 'resume', work: WORK, outcome: 'failed' });
  await ask({ type: 'quiesce', work: { ...WORK, transaction: 't2' as TransactionId } });
  t.same(
    participant.heard.map(([method]) => method),
    ['quiesce', 'quiesce'],
    'the post-hooks wait for the pre-hooks that still run',
  );
  release();
  await Promise.all([quiesced, resumed]);
  t.same(participant.heard.at(-1)?.[0], 'resume');
});

t.test('a step that failed does not hold up the next one', async (t) => {
  const participant = fakeParticipant('b');
  const { ask } = servicesOf(participant);
  participant.fail('prepare', new SnapcommitError('NO_SPACE', 'v is full'));
  const prepared = ask({ type: 'prepare', round: ROUND });
  const discarded = ask({ type: 'discard', work: WORK, voidThrough: null });
  await t.rejects(prepared, { code: 'NO_SPACE' });
  t.equal(await discarded, null);
});

t.test('G1 the end of a round waits for no step, and takes back those of it that wait', async (t) => {
  const participant = fakeParticipant('b');
  const { ask } = servicesOf(participant);
  const release = participant.hold('freeze');
  const frozen = ask({ type: 'freeze', round: ROUND });
  await until('it freezes', () => participant.heard.length === 1);
  const staged = ask({ type: 'stage', round: ROUND });
  const next = ask({ type: 'prepare', round: { ...ROUND, round: 2 } });
  const overtaken = ask({ type: 'stage', round: { ...ROUND, epoch: { incarnation: 1, slot: slot(9) } } });
  await ask({ type: 'endRound', round: ROUND });
  t.same(
    participant.heard.map(([method]) => method),
    ['freeze', 'endRound'],
  );
  release();
  await t.rejects(staged, { code: 'INTERRUPTED', message: /round 1 of transaction t1/ });
  await Promise.all([frozen, next, overtaken]);
  t.equal(participant.heard.length, 4, 'what is another round’s, or another epoch’s, goes on');
  const releaseAgain = participant.hold('close');
  const closed = ask({ type: 'close', work: WORK });
  await until('it closes', () => participant.heard.length === 5);
  const prepared = ask({ type: 'prepare', round: ROUND });
  await ask({ type: 'leave', work: WORK });
  releaseAgain();
  await closed;
  await t.rejects(prepared, { code: 'INTERRUPTED' });
});

t.test('G7 phases say what each host is at and since when, while their transaction is open', async (t) => {
  const time = new FakeTime();
  let open: ReadonlySet<string> | null = new Set(['t1', 't2']);
  const phases = new Phases(time, () => open);
  const [t1, t2] = ['t1', 't2'] as TransactionId[] as [TransactionId, TransactionId];
  const at = (ms: number): number => 1_700_000_000_000 + ms;
  phases.tell({ transaction: t1, phase: 'prepare', hosts: { a: 'prepare', b: 'prepare' } });
  await time.pass(100);
  phases.tell({ transaction: t1, phase: 'prepare', hosts: { a: 'prepared' } });
  phases.tell({ transaction: t2, phase: 'commit', hosts: {} });
  const first: PhaseReport = {
    transaction: t1,
    phase: 'prepare',
    since: at(0),
    hosts: [
      { node: 'a', phase: 'prepared', since: at(100) },
      { node: 'b', phase: 'prepare', since: at(0) },
    ],
  };
  t.same(phases.all(), [first, { transaction: t2, phase: 'commit', since: at(100), hosts: [] }]);
  open = null;
  t.equal(phases.all().length, 2, 'while the log cannot be read nothing is forgotten');
  open = new Set(['t1']);
  t.same(phases.all(), [first]);
  for (let n = 0; n < 1000; n += 1)
    phases.tell({ transaction: `x${String(n)}` as TransactionId, phase: 'p', hosts: {} });
  open = null;
  t.ok(phases.all().length <= 256, 'nor are there ever too many');
});

t.test(
  'L3 a command whose connection breaks asks again under the same name, and waits as long as it takes',
  async (t) => {
    const names: unknown[] = [];
    let die = (): void => undefined;
    let answer: ((value: null) => void) | undefined;
    const ask = async (_node: string, name: unknown): Promise<unknown> => {
      names.push(name);
      if (names.length === 1) setImmediate(die);
      return new Promise((resolve) => (answer = resolve));
    };
    const served = await serve(t, logWith({}), undefined, { calls: { ask } });
    const line = await cuttable(t, served.stateDirectory);
    die = line.cut;
    // Less than what the call takes: this limits waiting for a daemon alone.
    const far = await remote(t, line.stateDirectory, { timeoutMs: 1000 });
    const published = new RemoteParticipants(far).of('b').publish('app', 1);
    await until('it asks again', () => names.length === 2);
    t.same(names[1], names[0]);
    answer?.(null);
    await published;
    t.match(names[0], { sequence: 1, oldest: 1 });
  },
);

t.test('a command rides over a stopping daemon; what a node refuses it hears at once', async (t) => {
  const refusals = [isStopping(), isStopping(), unreachable('b', { since: 0, refusal: null, isClock: false }, false)];
  let asked = 0;
  const ask = async (): Promise<unknown> => {
    asked += 1;
    return Promise.reject(refusals.shift() ?? new Error('not asked for'));
  };
  const { stateDirectory } = await serve(t, logWith({}), undefined, { calls: { ask } });
  const far = await remote(t, stateDirectory);
  await t.rejects(new RemoteParticipants(far).of('b').publish('app', 1), {
    message: /node b cannot be reached since 1970/,
  });
  t.equal(asked, 3);
});

t.test('without a daemon a command waits for one no longer than for its log', async (t) => {
  const { stateDirectory, server } = await serve(t, logWith({}));
  const far = await remote(t, stateDirectory, { timeoutMs: 100 });
  await server.close();
  await t.rejects(new RemoteParticipants(far).of('b').publish('app', 1), { code: 'UNAVAILABLE' });
});

t.test('who gives up waits no longer, and says by the next name that it does not', async (t) => {
  const asked: { readonly oldest: number }[] = [];
  const asker = {
    ask: async (_node: string, name: { readonly oldest: number }) => {
      asked.push(name);
      return asked.length === 1 ? new Promise(() => undefined) : Promise.resolve(null);
    },
  };
  const others = new RemoteParticipants(asker);
  const limit = new AbortController();
  const published = others.of('b', limit.signal).publish('app', 1);
  limit.abort();
  await t.rejects(published, { code: 'TIMED_OUT', message: /node b has not answered publish/ });
  await t.rejects(others.of('b', AbortSignal.abort(new SnapcommitError('INTERRUPTED', 'x'))).leave(WORK), {
    code: 'INTERRUPTED',
  });
  await others.of('b').leave(WORK);
  t.same(
    asked.map(({ oldest }) => oldest),
    [1, 2, 3],
  );
});

t.test('a name says the oldest call that is waited for', async (t) => {
  const names = new CallNames('x');
  const [one, two] = [names.next(), names.next()];
  t.same(two, { caller: 'x', sequence: 2, oldest: 1 });
  names.over(one);
  t.same(names.next(), { caller: 'x', sequence: 3, oldest: 2 });
});
