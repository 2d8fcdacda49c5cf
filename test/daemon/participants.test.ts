/** Two daemons over mutual TLS: a command on one node reaches the participant of the other. */
import t, { type Test } from 'tap';
import { systemClock } from '#src/adapters/clock-system.js';
import { openLog } from '#src/daemon/open-log.js';
import { RemoteParticipants } from '#src/daemon/participants/remote-participant.js';
import { runDaemon } from '#src/daemon/run.js';
import { SnapcommitError } from '#src/errors.js';
import { TestCluster, type TestMember } from '../support/cluster.js';
import { fakeParticipant, SURVEY, type FakeParticipant } from '../support/fake-participant.js';
import { until } from '../support/until.js';

interface Running {
  readonly participant: FakeParticipant;
  stop(): Promise<void>;
}

/** The daemon of that machine in this process, with a participant that notes what it is asked for. */
async function start(t: Test, machine: TestMember, unreachableMs = 60_000): Promise<Running> {
  const { node, stateDirectory, address } = machine;
  const stopping = new AbortController();
  const participant = fakeParticipant(node);
  const { signal } = stopping;
  const done = runDaemon({
    stateDirectory,
    settings: { listen: address, unreachableMs },
    participant,
    verbose: false,
    signal,
  });
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('told to stop'));
    await done;
  };
  t.teardown(stop);
  await until(`the daemon of ${node} serves`, async () => (await machine.cli(['cluster', 'status'])).status === 0);
  return { participant, stop };
}

t.test(
  'a command reaches the participant of another node, over its restart, and hears when it is out of reach',
  async (t) => {
    const cluster = new TestCluster(t);
    const a = cluster.machine('a');
    await a.ask('init', '--node', 'a');
    await a.ask('cluster', 'init', '--address', a.address);
    const here = await start(t, a);
    const b = cluster.machine('b');
    const token = await cluster.token(a);
    await b.ask('cluster', 'join', '--token-file', token, '--node', 'b', '--address', b.address);
    const there = await start(t, b);
    const { stateDirectory } = a;
    const opened = await openLog({ stateDirectory, clock: systemClock, logTimeoutMs: 20_000, commandTimeoutMs: null, stale: false });
    t.teardown(() => {
      opened.log.close();
    });
    if (opened.cluster === null) throw new Error('a member of a cluster is not alone');
    const participants = new RemoteParticipants(opened.cluster);
    const ofB = participants.of('b');

    const request = { mode: 'capture', volumes: ['v'], cgroups: [], units: [] } as const;
    t.same(await ofB.survey(request), SURVEY);
    t.same(there.participant.heard, [['survey', request]]);
    there.participant.fail('publish', new SnapcommitError('PUBLISH_PENDING', 'v is in use', { volume: 'v' }));
    await t.rejects(ofB.publish('app', 1), {
      code: 'PUBLISH_PENDING',
      message: 'node b: v is in use',
      details: { volume: 'v', node: 'b' },
    });
    t.same(await ofB.recover(true), { actions: [], failures: [] });
    t.same(await ofB.phases(), []);
    await participants.of('a').publish('app', 2);
    t.same(here.participant.heard, [['publish', 'app', 2]]);
    await t.rejects(participants.of('x').publish('app', 1), { code: 'NODE_NOT_FOUND' });

    const release = there.participant.hold('publish');
    const cut = ofB.publish('app', 3);
    await until('b has begun', () => there.participant.heard.length === 3);
    await there.stop();
    release();
    const again = await start(t, b);
    await cut;
    t.same(again.participant.heard, [['publish', 'app', 3]], 'a call that was cut off is asked of the next daemon');

    await again.stop();
    await here.stop();
    await start(t, a, 100);
    await t.rejects(ofB.publish('app', 4), { code: 'UNAVAILABLE', message: /node b cannot be reached since/ });
  },
);
