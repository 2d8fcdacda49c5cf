/** The import law (.dependency-cruiser.mjs) notices each breach: one small tree with a planted import for every rule. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/temp.js';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');
const DEPCRUISE = join(CHECKOUT, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');

/** What the planted files import, all of it lawful; each is imported, so that none is an orphan. */
const LAWFUL: Readonly<Record<string, string>> = {
  'src/crash-points.ts': 'export const crash = 1;',
  'src/paxos/ballot.ts': `import '../errors.js'; export const ballot = 1;`,
  'src/machine/entry.ts': `import '../errors.js'; export const GRADES = 1; export type Slot = number;`,
  'src/ports/clock.ts': `import type { Slot } from '../machine/entry.js'; export type Clock = Slot;`,
  'src/native/sync.ts': `import '../errors.js'; export const sync = 1;`,
  'src/native/library.ts': `import koffi from 'koffi'; export const library = koffi;`,
  'src/adapters/clock-system.ts': `import type { Clock } from '../ports/clock.js'; export const clock: Clock = 1;`,
  'src/adapters/store-sqlite/index.ts': `export { store } from './sqlite.js';`,
  'src/adapters/store-sqlite/sqlite.ts': `import Database from 'better-sqlite3'; export const store = Database;`,
  'src/participant/fence.ts': `import { sync } from '../native/sync.js'; export const fence = sync;`,
  'src/participant/names.ts': `import '../errors.js'; export const names = 1;`,
  'src/coordinator/begin.ts': `import { fence } from '../participant/fence.js'; export const begin = fence;`,
  'src/cli/main.ts': `import { Command } from 'commander'; import '../index.js'; export const main = Command;`,
  'src/index.ts': `import './adapters/clock-system.js'; import './adapters/store-sqlite/index.js'; export * from './coordinator/begin.js';`,
  'src/adapters/lawful/index.ts': `import '../../participant/names.js'; import '../../native/library.js'; import '../../crash-points.js';`,
  'src/machine/digest.ts': `import { createHash } from 'node:crypto'; export const digest = createHash;`,
  // The other half of a cycle, which is reported where it is met first.
  'src/daemon/i.ts': `import { x } from './h.js'; export const y = x;`,
  'test/support/temp.ts': 'export const temp = 1;',
};

const BREACHES: readonly (readonly [rule: string, file: string, text: string])[] = [
  ['base-imports-nothing', 'src/errors.ts', `import { readFileSync } from 'node:fs'; export const x = readFileSync;`],
  ['paxos-is-pure', 'src/paxos/a.ts', `import { crash } from '../crash-points.js'; export const x = crash;`],
  ['paxos-is-pure', 'src/paxos/b.ts', `import type { Slot } from '../machine/entry.js'; export type X = Slot;`],
  ['machine-is-pure', 'src/machine/a.ts', `import type { Clock } from '../ports/clock.js'; export type X = Clock;`],
  [
    'pure-folders-use-no-packages',
    'src/paxos/c.ts',
    `import { readFileSync } from 'node:fs'; export const x = readFileSync;`,
  ],
  ['pure-folders-use-no-packages', 'src/machine/b.ts', `import { encode } from 'cbor-x'; export const x = encode;`],
  ['ports-are-types', 'src/ports/a.ts', `import { GRADES } from '../machine/entry.js'; export const x = GRADES;`],
  [
    'ports-know-the-core-only',
    'src/ports/b.ts',
    `import type { sync } from '../native/sync.js'; export type X = typeof sync;`,
  ],
  [
    'native-knows-errors-only',
    'src/native/a.ts',
    `import type { Clock } from '../ports/clock.js'; export type X = Clock;`,
  ],
  [
    'adapters-serve-ports',
    'src/adapters/a/a.ts',
    `import { begin } from '../../coordinator/begin.js'; export const x = begin;`,
  ],
  [
    'adapters-serve-ports',
    'src/adapters/a/b.ts',
    `import { fence } from '../../participant/fence.js'; export const x = fence;`,
  ],
  [
    'adapters-stay-apart',
    'src/adapters/a/c.ts',
    `import { store } from '../store-sqlite/index.js'; export const x = store;`,
  ],
  [
    'single-file-adapters-stay-apart',
    'src/adapters/b.ts',
    `import { clock } from './clock-system.js'; export const x = clock;`,
  ],
  ['log-is-a-host', 'src/log/a.ts', `import { sync } from '../native/sync.js'; export const x = sync;`],
  ['coordinator-decides', 'src/coordinator/a.ts', `import { sync } from '../native/sync.js'; export const x = sync;`],
  [
    'participant-acts',
    'src/participant/a.ts',
    `import { begin } from '../coordinator/begin.js'; export const x = begin;`,
  ],
  [
    'config-stands-alone',
    'src/config/a.ts',
    `import { begin } from '../coordinator/begin.js'; export const x = begin;`,
  ],
  ['cli-sees-the-library', 'src/cli/a.ts', `import { begin } from '../coordinator/begin.js'; export const x = begin;`],
  ['cli-is-the-top', 'src/daemon/a.ts', `import { main } from '../cli/main.js'; export const x = main;`],
  [
    'adapters-are-joined-in-one-place',
    'src/log/b.ts',
    `import { clock } from '../adapters/clock-system.js'; export const x = clock;`,
  ],
  ['koffi-has-one-owner', 'src/native/b.ts', `import koffi from 'koffi'; export const x = koffi;`],
  [
    'koffi-has-one-owner',
    'src/native/c.ts',
    `import { createRequire } from 'node:module'; const require = createRequire('/'); export const x = require('koffi');`,
  ],
  ['execa-has-one-owner', 'src/daemon/b.ts', `export const x = import('execa');`],
  [
    'prom-client-has-one-owner',
    'src/daemon/p.ts',
    `import { Registry } from 'prom-client'; export const x = Registry;`,
  ],
  ['commander-has-one-owner', 'src/daemon/c.ts', `import { Command } from 'commander'; export const x = Command;`],
  ['better-sqlite3-has-one-owner', 'src/log/c.ts', `import Database from 'better-sqlite3'; export const x = Database;`],
  [
    'better-sqlite3-napi-has-one-owner',
    'src/adapters/store-sqlite/open.ts',
    `import { createRequire } from 'node:module'; const require = createRequire('/'); export const x = require('better-sqlite3-napi');`,
  ],
  [
    'src-knows-no-tests',
    'src/daemon/d.ts',
    `import { temp } from '../../test/support/temp.js'; export const x = temp;`,
  ],
  ['imports-resolve', 'src/daemon/e.ts', `import { nothing } from 'no-such-package'; export const x = nothing;`],
  ['imports-resolve', 'src/daemon/f.ts', `import fc from 'fast-check'; export const x = fc;`],
  ['no-orphans', 'src/daemon/g.ts', `export const x = 1;`],
  ['no-cycles', 'src/daemon/h.ts', `import { y } from './i.js'; export const x = y;`],
];

interface Report {
  readonly summary: {
    readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[];
  };
}

const tree = temporaryDirectory(t, 'law');
for (const name of ['.dependency-cruiser.mjs', 'package.json']) copyFileSync(join(CHECKOUT, name), join(tree, name));
symlinkSync(join(CHECKOUT, 'node_modules'), join(tree, 'node_modules'));
for (const [file, text] of [...Object.entries(LAWFUL), ...BREACHES.map(([, file, text]) => [file, text] as const)]) {
  mkdirSync(dirname(join(tree, file)), { recursive: true });
  writeFileSync(join(tree, file), text);
}
const args = [DEPCRUISE, '--config', '.dependency-cruiser.mjs', '-T', 'json', 'src'];
const { stdout } = spawnSync(process.execPath, args, { cwd: tree, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
const { violations } = (JSON.parse(stdout) as Report).summary;
const rulesBrokenBy = (file: string): string[] =>
  violations.filter(({ from }) => from === file).map(({ rule }) => rule.name);

void t.test('each rule of the import law catches its breach', (t) => {
  for (const [rule, file] of BREACHES) t.ok(rulesBrokenBy(file).includes(rule), `${file}: ${rule}`);
  t.end();
});

void t.test('what the import law allows breaks no rule', (t) => {
  for (const file of Object.keys(LAWFUL)) t.same(rulesBrokenBy(file), [], file);
  t.end();
});
