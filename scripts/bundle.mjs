// Joins the built command line into one file, dist/bundle/main.cjs, and keeps V8's compiled code beside it: Node loads
// that much faster than two hundred modules, and a command should answer at once. dist/ itself stays what the library, the
// tests and the two small programs that we start (the guard, the launcher) are loaded from. See bin/load.js.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { runBundle } from '../bin/load.js';
import { root } from './lib/files.mjs';

const outdir = join(root, 'dist', 'bundle');
const bundle = join(outdir, 'main.cjs');

rmSync(`${bundle}.cache`, { force: true });
const common = {
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  legalComments: 'none',
  logLevel: 'warning',
};
// An ES module, which the bundle cannot import(); few commands run other programs, so it stays out of the one file.
await build({
  ...common,
  entryPoints: [join(root, 'node_modules', 'execa', 'index.js')],
  outfile: join(outdir, 'execa.cjs'),
});
await build({
  ...common,
  entryPoints: [join(root, 'dist', 'cli', 'main.js')],
  outfile: bundle,
  minifySyntax: true,
  minifyWhitespace: true,
  // Loaded rarely, or with native parts that they find beside themselves.
  external: ['better-sqlite3', 'koffi', 'pino', 'zod', 'cbor-extract', 'prom-client', '@peculiar/x509'],
  plugins: [
    {
      name: 'execa',
      setup: (own) => own.onResolve({ filter: /^execa$/ }, () => ({ path: './execa.cjs', external: true })),
    },
  ],
  // As require(): a script with a code cache of its own cannot import().
  supported: { 'dynamic-import': false },
  // The programs that are started by file stay in dist/; so do relative places.
  define: { 'import.meta.url': '__bundleUrl' },
  banner: {
    js: "(function(exports,require,module,__filename,__dirname){const __bundleUrl=require('node:url').pathToFileURL(__filename).href;",
  },
  footer: { js: '})' },
});
await writeCache();

/** Runs the commands that must be quick once, so that what they need is in the cache as compiled code. */
async function writeCache() {
  const { exports, script } = runBundle(undefined);
  const directory = mkdtempSync(join(tmpdir(), 'snapcommit-bundle-'));
  try {
    const state = join(directory, 'state');
    const source = join(directory, 'source');
    mkdirSync(source);
    const commands = [
      ['init', '--node', 'warm-up'],
      ['volume', 'add', 'v', '--source', source, '--driver', 'directory'],
      ['group', 'create', 'app', '--volume', 'v'],
      ['commit', 'app'],
      ['status'],
      ['open', 'app'],
    ];
    for (const command of commands) await runQuietly(exports, ['--state-dir', state, ...command]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  writeFileSync(`${bundle}.cache`, script.createCachedData());
}

async function runQuietly({ main, libraryOpeners }, argv) {
  const silent = { isTTY: false, columns: 0, write: () => undefined };
  const io = { stdout: silent, stderr: silent, env: {}, cwd: root, onStop: () => () => undefined };
  const status = await main(argv, io, libraryOpeners);
  if (status !== 0)
    throw new Error(`snapcommit ${argv.join(' ')} ended with ${String(status)} while the bundle was made`);
}
