/** What becomes of a request: the command's own status, or a refusal that names what is wrong. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createSandbox } from '#src/adapters/sandbox/index.js';
import { requireRoot } from '../support/requirements.js';
import { PLAIN_REQUEST, runSandbox, shell } from '../support/sandboxes.js';
import { temporaryDirectory } from '../support/temp.js';

requireRoot(t);

void t.test('statuses are the command’s own: exits, signals, not found and not executable', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'text'), 'echo a shell would run this\n', { mode: 0o755 });
  writeFileSync(join(directory, 'locked'), '#!/bin/sh\n', { mode: 0o644 });
  writeFileSync(join(directory, 'script'), '#!/bin/sh\nexit 9\n', { mode: 0o755 });
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [shell('exit 0'), 0, /^$/],
    [shell('exit 3'), 3, /^$/],
    [shell('kill -TERM $$'), 143, /^$/],
    [shell('kill -KILL $$'), 137, /^$/],
    [['script'], 9, /^$/],
    [['./script'], 9, /^$/],
    [['no-such-command'], 127, /^snapcommit: no-such-command: command not found\n$/],
    [['./no-such-command'], 127, /not found/],
    [['locked'], 126, /^snapcommit: locked: cannot be executed \(EACCES\)\n$/],
    [['./text'], 126, /no #! line/],
    [[directory], 126, /EACCES/],
  ];
  for (const [command, status, stderr] of cases) {
    const ran = await runSandbox(t, {
      command,
      environment: { PATH: `/nowhere:${directory}:/usr/bin` },
      workingDirectory: directory,
    });
    t.same(ran.result, { status, cgroup: null, interrupted: false }, command.join(' '));
    t.match(ran.stderr, stderr, command.join(' '));
  }
});

void t.test('bad requests are refused before anything runs, by name', async (t) => {
  const directory = temporaryDirectory(t);
  const [live, snapshot] = [join(directory, 'live'), join(directory, 'snapshot')];
  mkdirSync(live);
  mkdirSync(snapshot);
  writeFileSync(join(live, 'file'), '');
  mkdirSync(join(snapshot, 'directory'));
  const [link, file, missing] = [join(live, 'link'), join(live, 'file'), join(live, 'missing')];
  symlinkSync(snapshot, link);
  const proof = join(live, 'ran');
  const placements: readonly (readonly [string, string, RegExp])[] = [
    [snapshot, missing, /missing does not exist/],
    [snapshot, link, /link leads through a symlink to .*snapshot; use that path/],
    [snapshot, join(link, 'directory'), /leads through a symlink/],
    [snapshot, file, /file is no directory/],
    [snapshot, 'relative', /no plain absolute path/],
    [snapshot, `${live}/../live`, /no plain absolute path/],
    [snapshot, '/', /no plain absolute path/],
    [missing, live, /missing, which a command is to see, is no directory/],
    [file, live, /is no directory/],
  ];
  const sandbox = createSandbox();
  const request = { ...PLAIN_REQUEST, command: ['/usr/bin/touch', proof] };
  for (const [from, at, message] of placements) {
    const ran = sandbox.run({ ...request, placements: [{ from, at }] });
    await t.rejects(ran, { code: 'SOURCE_INVALID', message }, `${from} at ${at}`);
  }
  const placement = { from: snapshot, at: live };
  await t.rejects(sandbox.run({ ...request, placements: [placement, placement] }), {
    code: 'SOURCE_INVALID',
    message: /two trees/,
  });
  const unmounted = join(live, '.zfs/snapshot/app:1');
  mkdirSync(unmounted, { recursive: true });
  await t.rejects(
    sandbox.run({ ...request, placements: [{ from: unmounted, at: live }] }),
    { code: 'UNAVAILABLE', message: /app:1 empty, since it could not mount/ },
    'a snapshot of ZFS on which nothing is mounted is no empty tree',
  );
  await t.rejects(sandbox.run({ ...request, workingDirectory: missing }), {
    code: 'USAGE',
    message: /working directory .*missing cannot be entered/,
  });
  await t.rejects(sandbox.run({ ...request, command: [] }), { code: 'USAGE', message: /no command/ });
  t.notOk(existsSync(proof), 'nothing ran');
});
