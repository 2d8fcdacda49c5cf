#!/usr/bin/env node
// `npm run crash`: the crash suites of test/crash over every crash point (npm test runs a seeded sample of them).
// The suites read SNAPCOMMIT_CRASH_POINTS=all.
//
// `npm run crash -- --hosts [--list] [--only TEXT] [--from N] [--shard K/N]`: a commit over three hosts, in network namespaces
// and on btrfs, of which somebody dies, sleeps or is cut off at every point of its path; each case is told as it ends.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { runCompiled } from './lib/compiled.mjs';
import { root } from './lib/files.mjs';

const given = process.argv.slice(2);
if (given.includes('--hosts'))
  await runCompiled(
    ['hosts', 'crash-hosts-process.js'],
    given.filter((word) => word !== '--hosts'),
  );
else {
  const args = [join(root, 'scripts', 'test.mjs'), 'crash/', '--timeout', '7200', ...given];
  const env = { ...process.env, SNAPCOMMIT_CRASH_POINTS: 'all' };
  process.exitCode = spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' }).status ?? 1;
}
