#!/usr/bin/env node
// `npm run crash`: the crash suites of test/crash over every crash point (npm test runs a seeded sample of them).
// The suites read SNAPCOMMIT_CRASH_POINTS=all.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './lib/files.mjs';

const args = [join(root, 'scripts', 'test.mjs'), 'crash/', '--timeout', '7200', ...process.argv.slice(2)];
const env = { ...process.env, SNAPCOMMIT_CRASH_POINTS: 'all' };
process.exitCode = spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' }).status ?? 1;
