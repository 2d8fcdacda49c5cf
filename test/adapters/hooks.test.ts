/** Hooks: which files are refused, what they are told, and how they fail. */
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createCommandRunner, createHooks } from '#src/adapters/command-runner/index.js';
import { SnapcommitError } from '#src/errors.js';
import type { HookContext } from '#src/ports/commands.js';
import { requireRoot } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

requireRoot(t);

const hooks = createHooks(createCommandRunner());
const CONTEXT: HookContext = {
  group: 'app',
  transaction: 'tx-1',
  phase: 'post',
  outcome: 'committed',
  recovered: true,
  volumes: [{ name: 'db', source: '/srv/db "x"' }],
};

function makeHook(t: Test, body: string, mode = 0o755): { file: string; directory: string } {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'hook');
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, mode);
  return { file, directory };
}

async function failureOf(running: Promise<void>): Promise<SnapcommitError> {
  try {
    await running;
  } catch (error) {
    if (error instanceof SnapcommitError) return error;
    throw error;
  }
  throw new Error('it succeeded');
}

void t.test('a safe hook runs in / and is told of its transaction', async (t) => {
  const { file, directory } = makeHook(t, `(pwd; env | sort) > "\${0%/*}/told"`);
  await hooks.check(file);
  await hooks.run(file, CONTEXT, 20_000);
  const { stdout } = await createCommandRunner().run('/usr/bin/cat', [join(directory, 'told')]);
  const told = stdout.split('\n').filter((line) => line === '/' || line.startsWith('SNAPCOMMIT_'));
  t.same(told, [
    '/',
    'SNAPCOMMIT_GROUP=app',
    'SNAPCOMMIT_OUTCOME=committed',
    'SNAPCOMMIT_PHASE=post',
    'SNAPCOMMIT_RECOVERED=1',
    'SNAPCOMMIT_TRANSACTION=tx-1',
    'SNAPCOMMIT_VOLUMES=[{"name":"db","source":"/srv/db \\"x\\""}]',
  ]);
});

void t.test('a hook that others could change is refused, by check and again by run', async (t) => {
  const { file, directory } = makeHook(t, 'exit 0');
  const link = join(directory, 'link');
  symlinkSync(file, link);
  const refusals: readonly (readonly [string, string, () => void, () => void])[] = [
    ['group-writable', file, () => chmodSync(file, 0o775), () => chmodSync(file, 0o755)],
    ['world-writable', file, () => chmodSync(file, 0o757), () => chmodSync(file, 0o755)],
    ['not executable', file, () => chmodSync(file, 0o644), () => chmodSync(file, 0o755)],
    ["another user's", file, () => chownSync(file, 65534, 0), () => chownSync(file, 0, 0)],
    ['in a writable directory', file, () => chmodSync(directory, 0o777), () => chmodSync(directory, 0o700)],
    ["in another user's directory", file, () => chownSync(directory, 65534, 0), () => chownSync(directory, 0, 0)],
    ['a symlink', link, () => undefined, () => undefined],
    ['a directory', directory, () => undefined, () => undefined],
    ['missing', join(directory, 'none'), () => undefined, () => undefined],
    ['relative', 'hook', () => undefined, () => undefined],
    ['not normal', `${directory}/../x`, () => undefined, () => undefined],
  ];
  for (const [name, path, spoil, mend] of refusals) {
    spoil();
    await t.rejects(hooks.check(path), { code: 'HOOK_UNSAFE' }, name);
    await t.rejects(hooks.run(path, CONTEXT, 1_000), { code: 'HOOK_UNSAFE' }, `${name}, run`);
    mend();
    await hooks.check(file);
  }
});

void t.test('a writable directory behind a symlink on the way is found', async (t) => {
  const directory = temporaryDirectory(t);
  const open = join(directory, 'open');
  mkdirSync(join(open, 'inner'), { recursive: true });
  writeFileSync(join(open, 'inner', 'hook'), '#!/bin/sh\n', { mode: 0o755 });
  chmodSync(open, 0o777);
  symlinkSync(join(open, 'inner'), join(directory, 'short'));
  await t.rejects(hooks.check(join(directory, 'short', 'hook')), { code: 'HOOK_UNSAFE', message: open });
  chmodSync(open, 0o1777);
  await hooks.check(join(directory, 'short', 'hook'));
});

void t.test('a hook that fails is reported with the end of its output', async (t) => {
  const { file } = makeHook(
    t,
    `i=0; while [ $i -lt 1000 ]; do echo "line $i"; i=$((i+1)); done; echo last >&2; exit 3`,
  );
  const error = await failureOf(hooks.run(file, CONTEXT, 20_000));
  t.match(error, { code: 'HOOK_FAILED', message: /ended with status 3/, details: { hook: file, status: 3 } });
  const { output } = error.details;
  if (typeof output !== 'string') throw new Error('no output in the details');
  t.ok(output.endsWith('last'));
  t.equal(output.length, 2_000);
});

void t.test('G7 a hook that hangs is ended at its limit with its children, and says so', async (t) => {
  const { file } = makeHook(t, 'echo begun; sleep 1000 & sleep 1000');
  const error = await failureOf(hooks.run(file, CONTEXT, 300));
  t.match(error, {
    code: 'HOOK_FAILED',
    message: /did not end within 300 ms/,
    details: { timedOut: true, output: 'begun' },
  });
});

void t.test('a hook that cannot be started or is killed has failed', async (t) => {
  const killed = makeHook(t, 'kill -9 $$');
  t.match(await failureOf(hooks.run(killed.file, CONTEXT, 20_000)), { code: 'HOOK_FAILED', message: /SIGKILL/ });
  const broken = makeHook(t, '');
  writeFileSync(broken.file, '#!/nonexistent\n');
  t.match(await failureOf(hooks.run(broken.file, CONTEXT, 20_000)), { code: 'HOOK_FAILED', message: /interpreter/ });
});
