/** When a member says that it is ready: after it has caught up, and not for ever later. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { Readiness, READY_AT_LATEST_MS } from '#src/daemon/readiness.js';
import type { ServiceManager } from '#src/daemon/service-manager.js';
import { readProcessStat } from '#src/native/proc.js';
import { TestCluster } from '../support/cluster.js';
import { listen, type NotifySocket } from '../support/notify-socket.js';
import { until } from '../support/until.js';

/** A manager that notes what it is told, a clock that a test turns, and a caretaker that answers as it says. */
function world() {
  const told: string[] = [];
  const manager: ServiceManager = {
    status: (status) => void told.push(status),
    ready: (status) => void told.push(`ready: ${status}`),
    reloading: () => void told.push('reloading'),
    stopping: () => undefined,
    end: () => undefined,
  };
  let late: (() => void) | null = null;
  let delayMs = 0;
  const answers: ((error: Error | null) => void)[] = [];
  const stop = new AbortController();
  const readiness = new Readiness({
    manager,
    timers: {
      after(ms, action) {
        delayMs = ms;
        late = action;
        return () => {
          late = null;
        };
      },
    },
    caughtUp: async () =>
      new Promise((resolve, reject) => {
        answers.push((error) => {
          if (error === null) resolve();
          else reject(error);
        });
      }),
    stop: stop.signal,
  });
  const answer = async (error: Error | null): Promise<void> => {
    await until('it asks', () => answers.length > 0);
    answers.shift()?.(error);
  };
  const aMinuteLater = (): void => {
    late?.();
  };
  return { told, stop, readiness, answer, aMinuteLater, delayMs: () => delayMs, isTimed: () => late !== null };
}

const noMajority = new SnapcommitError('UNAVAILABLE', 'no majority answers');

t.test('it is ready once it has caught up, and told what keeps it until then', async (t) => {
  const { told, readiness, answer, isTimed } = world();
  const followed = readiness.follow();
  await answer(noMajority);
  await answer(null);
  await followed;
  t.same(told, ['catching up', 'not caught up: no majority answers', 'serving', 'ready: serving']);
  t.notOk(isTimed(), 'no timer is left');
});

t.test('without a majority it is ready after a minute, and says what is missing until it is not', async (t) => {
  const { told, readiness, answer, aMinuteLater, delayMs } = world();
  const followed = readiness.follow();
  await answer(noMajority);
  await until('it is told', () => told.length === 2);
  t.equal(delayMs(), READY_AT_LATEST_MS);
  aMinuteLater();
  t.equal(told.at(-1), 'ready: not caught up: no majority answers');
  await answer(noMajority);
  await answer(null);
  await followed;
  t.same(told.slice(-2), ['serving, but not caught up: no majority answers', 'serving']);
  t.equal(told.filter((line) => line.startsWith('ready')).length, 1, 'it says so once');
});

t.test('D9 a log that cannot go on is not waited for', async (t) => {
  const { told, readiness, answer } = world();
  const followed = readiness.follow();
  await answer(new SnapcommitError('LOG_BEHIND_STAMP', 'an older copy'));
  await followed;
  t.equal(told.at(-1), 'ready: not caught up: an older copy');
});

t.test('one that stops is not ready any more', async (t) => {
  const { told, readiness, answer, stop, aMinuteLater } = world();
  const followed = readiness.follow();
  stop.abort();
  await answer(null);
  aMinuteLater();
  await followed;
  t.same(told, ['catching up']);
});

t.test('a reload is told only to who waits for one, and does not make it ready', async (t) => {
  const { told, readiness, answer } = world();
  const reload = async (): Promise<void> => Promise.resolve();
  const followed = readiness.follow();
  await readiness.whileReloading(reload);
  t.same(told, ['catching up']);
  await answer(null);
  await followed;
  await readiness.whileReloading(reload);
  t.same(told.slice(-3), ['ready: serving', 'reloading', 'ready: serving']);
});

t.test('T1 a daemon that was down publishes before it says that it is ready', async (t) => {
  const cluster = new TestCluster(t);
  const a = cluster.machine('a');
  const source = join(cluster.directory, 'db');
  mkdirSync(source);
  await a.ask('init', '--node', 'a');
  await a.ask('volume', 'add', 'db', '--source', source, '--driver', 'directory');
  await a.ask('group', 'create', 'app', '--volume', 'db');
  const killed = await a.cli(['commit', 'app'], { env: { SNAPCOMMIT_CRASH_AT: 'commit.after' } });
  t.equal(killed.signal, 'SIGKILL');
  await a.ask('cluster', 'init', '--address', a.address);
  const socket = listen(t, 'socket');
  const heard: string[] = [];
  await a.start({ NOTIFY_SOCKET: socket.path, SNAPCOMMIT_STOP_AT: 'publish.before-rename' });
  await until('it publishes', () => readProcessStat(a.pid)?.state === 'T');
  drain(socket, heard);
  t.same(heard, ['STATUS=catching up'], 'not yet');
  a.signal('SIGCONT');
  await until('it is ready', () => {
    drain(socket, heard);
    return heard.some((message) => message.startsWith('READY=1'));
  });
  t.ok(readdirSync(join(cluster.directory, '.snapcommit', 'db')).includes('app@1'), 'published');
});

function drain(socket: NotifySocket, heard: string[]): void {
  for (let message = socket.next(); message !== null; message = socket.next()) heard.push(message);
}
