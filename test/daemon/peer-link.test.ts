/** Between the replica and the transport: who can be reached follows what the transport tells, in whatever order. */
import { mkdirSync } from 'node:fs';
import t, { type Test } from 'tap';
import { systemClock } from '#src/adapters/clock-system.js';
import { systemTimers } from '#src/adapters/timers-system.js';
import { ContactBook } from '#src/daemon/cluster/contact-book.js';
import { clusterDirectory, readContacts, writeContacts } from '#src/daemon/cluster/place.js';
import { PeerLink } from '#src/daemon/peer-link.js';
import { emptyState } from '#src/machine/state.js';
import type { Introduction } from '#src/ports/transport.js';
import { temporaryDirectory } from '../support/temp.js';

const introduction: Introduction = { incarnation: 1, store: '', configuration: 1, notes: {} };

interface Subject {
  readonly link: PeerLink;
  /** Who is a member besides this node, `a`. */
  know(...others: readonly string[]): void;
  meet(peer: string): void;
  lose(peer: string): void;
}

async function subjectOf(t: Test): Promise<Subject> {
  const stateDirectory = temporaryDirectory(t);
  mkdirSync(clusterDirectory(stateDirectory));
  await writeContacts(stateDirectory, { address: 'a:7420', members: [] });
  const link = new PeerLink({
    identity: { cluster: 'c', node: 'a', incarnation: 1 },
    contacts: new ContactBook(stateDirectory, await readContacts(stateDirectory), (error) => t.fail(String(error))),
    metrics: { calls: {} } as never,
    logger: { info: () => undefined, warn: () => undefined } as never,
    clock: systemClock,
    timers: systemTimers,
    settings: { heartbeatMs: 1, unreachableMs: 1 },
  });
  const log = { configuration: {}, stateIfAny: emptyState(1), met: () => undefined };
  link.attach(log as never);
  const know = (...others: readonly string[]): void => {
    log.configuration = { id: 1, voters: ['a', ...others], learners: [] };
    log.stateIfAny = {
      ...emptyState(1),
      members: Object.fromEntries(others.map((node) => [node, { address: `${node}:7420` }])),
    };
    link.refreshPeers();
  };
  log.configuration = { id: 1, voters: ['a'], learners: [] };
  link.connect({ setPeers: () => undefined, send: () => undefined } as never);
  t.teardown(async () => link.end());
  return {
    link,
    know,
    meet: (peer) => {
      link.onEvent({ type: 'connected', peer, introduction });
    },
    lose: (peer) => {
      link.onEvent({ type: 'disconnected', peer, message: 'silent' });
    },
  };
}

t.test('a member is out of reach until it connects, and again when it is lost', async (t) => {
  const { link, know, meet, lose } = await subjectOf(t);
  know('b');
  t.type(link.progress.unreachableForMs('b'), 'number');
  meet('b');
  t.equal(link.progress.unreachableForMs('b'), null);
  lose('b');
  t.type(link.progress.unreachableForMs('b'), 'number');
});

t.test('who stayed connected while it was no member is in reach as soon as it is one again', async (t) => {
  const { link, know, meet } = await subjectOf(t);
  know('b');
  meet('b');
  know();
  know('b');
  t.equal(link.progress.unreachableForMs('b'), null);
});

t.test('who was removed and has gone is out of reach when it is a member again', async (t) => {
  const { link, know, meet, lose } = await subjectOf(t);
  know('b');
  meet('b');
  know();
  lose('b');
  know('b');
  t.type(link.progress.unreachableForMs('b'), 'number');
});

t.test('how long it takes until a member is judged is told by the heartbeat', async (t) => {
  const { link } = await subjectOf(t);
  t.equal(link.judgedWithinMs, 80);
});
