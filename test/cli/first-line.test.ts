/** bin/snapcommit.js run by its first line, as a shell finds it: a shell's program and Node's at once. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { PROGRAM } from '../support/run-cli.js';
import { temporaryDirectory } from '../support/temp.js';

type Environment = Readonly<Record<string, string>>;

/** What runs `snapcommit` by a link with a space in its path, and its output: nothing but what the command says. */
function installed(t: Test): (words: readonly string[], env?: Environment) => string {
  const directory = join(temporaryDirectory(t, 'first line'), 'with a space');
  mkdirSync(directory);
  const link = join(directory, 'snapcommit');
  symlinkSync(PROGRAM, link);
  return (words, env = {}) => {
    const path = `${dirname(process.execPath)}:/usr/bin:/bin`;
    const ran = spawnSync(link, words, { encoding: 'utf8', cwd: directory, env: { PATH: path, ...env } });
    return `${ran.stdout}${ran.stderr}${ran.status === 0 ? '' : `status ${String(ran.status)}`}`;
  };
}

t.test('arguments and exit statuses go through as they are', async (t) => {
  const run = installed(t);
  t.match(run(['--version']), /^\d+\.\d+\.\d+\n$/);
  t.match(run(['show', "a 'b' $HOME *"]), /^snapcommit: .*a 'b' \$HOME \*.*status 2$/s);
});

t.test('extra certificates are not read, and whoever we start has them as they were', async (t) => {
  const run = installed(t);
  const directory = temporaryDirectory(t, 'first-line-state');
  const source = join(directory, 'source');
  mkdirSync(source);
  // Node warns of a file that is missing when it reads it.
  const certificates = join(directory, 'extra certificates.pem');
  const env = { SNAPCOMMIT_STATE_DIR: join(directory, 'state'), NODE_EXTRA_CA_CERTS: certificates };
  run(['init', '--node', 'here'], env);
  run(['volume', 'add', 'v', '--source', source, '--driver', 'directory'], env);
  run(['group', 'create', 'app', '--volume', 'v'], env);
  const seen = join(source, 'seen');
  const script = 'env | grep -E "^(SNAPCOMMIT_)?NODE_EXTRA" > "$SNAPCOMMIT_VOLUME_V/seen"';
  t.match(run(['transact', 'app', '--no-mount', '--', 'sh', '-c', script], env), /^app@1 committed/);
  t.equal(run(['status'], { ...env, NODE_EXTRA_CA_CERTS: '' }), run(['status'], env), 'an empty one is as none');
  t.equal(readFileSync(seen, 'utf8'), `NODE_EXTRA_CA_CERTS=${certificates}\n`);
  // Node 20 reads them at its start, 24 for the first secure connection.
  const told = spawnSync(process.execPath, ['-e', "require('tls').createSecureContext()"], { encoding: 'utf8', env });
  t.match(told.stderr, /extra cert/i, 'that Node reads them otherwise is seen');
});
