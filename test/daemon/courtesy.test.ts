/** The courtesy lock: who else is at work on a group is told, waited for, and forgotten when it is gone. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createFlockLocks } from '#src/adapters/locks-flock/index.js';
import { withCourtesy } from '#src/daemon/courtesy.js';
import type { Context } from '#src/participant/context.js';
import { currentProcess } from '#src/participant/process-identity.js';
import { DEFAULT_SETTINGS } from '#src/participant/settings.js';
import { temporaryDirectory } from '../support/temp.js';

function contextIn(t: Test): Context {
  const stateDirectory = temporaryDirectory(t, 'courtesy');
  mkdirSync(join(stateDirectory, 'locks'));
  const locks = createFlockLocks(join(stateDirectory, 'locks'));
  const used: Pick<Context, 'stateDirectory' | 'self' | 'settings' | 'locks'> = {
    stateDirectory,
    self: currentProcess('here'),
    settings: DEFAULT_SETTINGS,
    locks: async () => Promise.resolve(locks),
  };
  return used as Context;
}

/** Gives up, so that a lock that is never given back fails the test. */
const waiting = { signal: AbortSignal.timeout(20_000) };

t.test('who comes second is told who is first and since when, and gets it after that', async (t) => {
  const context = contextIn(t);
  const done: string[] = [];
  let waiter: Promise<void> | undefined;
  await withCourtesy(context, 'app', null, async () => {
    const refused = withCourtesy(context, 'app', null, async () => Promise.resolve());
    const message = new RegExp(
      `another snapcommit \\(pid ${String(process.pid)}, since 20.*Z\\) is working on group app`,
    );
    await t.rejects(refused, { code: 'BUSY', message, details: { group: 'app', pid: process.pid } });
    waiter = withCourtesy(context, 'app', waiting, async () => {
      done.push('second');
      return Promise.resolve();
    });
    await withCourtesy(context, 'other', null, async () => Promise.resolve());
    done.push('first');
  });
  await waiter;
  t.same(done, ['first', 'second']);
  t.same(readdirSync(join(context.stateDirectory, 'courtesy')).sort(), ['app', 'other'], 'no lock is left');
});

t.test('whoever waits is let go of by its signal', async (t) => {
  const context = contextIn(t);
  await withCourtesy(context, 'app', null, async () => {
    const signal = AbortSignal.abort(new Error('stopped'));
    await t.rejects(
      withCourtesy(context, 'app', { signal }, async () => Promise.resolve()),
      { message: 'stopped' },
    );
  });
});

t.test('the lock is given back when the work fails', async (t) => {
  const context = contextIn(t);
  const failing = withCourtesy(context, 'app', null, async () => Promise.reject(new Error('failed')));
  await t.rejects(failing, { message: 'failed' });
  t.notOk(existsSync(join(context.stateDirectory, 'courtesy', 'app@lock')));
});

t.test('of who is dead, or has not said who it is, only the dead one is passed over', async (t) => {
  const context = contextIn(t);
  const directory = join(context.stateDirectory, 'courtesy');
  mkdirSync(join(directory, 'app@lock'), { recursive: true });
  const refused = withCourtesy(context, 'app', null, async () => Promise.resolve());
  await t.rejects(refused, { code: 'BUSY', message: /^another snapcommit is working on group app/ });
  const dead = { ...context.self, startTime: context.self.startTime - 1 };
  writeFileSync(join(directory, 'app'), JSON.stringify({ identity: dead, since: '2026-01-01T00:00:00.000Z' }));
  t.equal(await withCourtesy(context, 'app', null, async () => Promise.resolve('taken')), 'taken');
});

t.test('groups whose names differ by an ending do not stand in each other’s way', async (t) => {
  const context = contextIn(t);
  const inside = async (): Promise<string> => Promise.resolve('taken');
  t.equal(
    await withCourtesy(context, 'app', null, async () => withCourtesy(context, 'app.lock', null, inside)),
    'taken',
  );
  t.equal(
    await withCourtesy(context, 'app.lock', null, async () => withCourtesy(context, 'app', null, inside)),
    'taken',
  );
});
