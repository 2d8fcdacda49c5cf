// How the command line becomes one file: esbuild's options, and what stands in that file for packages of which a command
// needs a part.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, relative } from 'node:path';
import { root } from '../lib/files.mjs';
import { hasNodeApi, sqlitePackage } from '../lib/sqlite.mjs';
import { builtinsOnUse } from './load-on-use.mjs';

const require = createRequire(import.meta.url);

/** What is done to every file's text. */
export const TEXT = {
  platform: 'node',
  target: 'node20',
  // As require(): a script with a code cache of its own cannot import().
  supported: { 'dynamic-import': false },
  // The programs that are started by file stay in dist/; so do relative places.
  // The global `performance` loads node:perf_hooks, of which only this is asked for: a time to take differences of, in ms.
  define: { 'import.meta.url': '__bundle.url', 'performance.now': '__bundle.monotonicMs' },
};

/** A file with one function expression; `contents`: what it starts from, an ES module in the root. */
export function bundleOptions(outfile, contents) {
  return {
    ...TEXT,
    stdin: { contents, resolveDir: root },
    outfile,
    bundle: true,
    format: 'cjs',
    legalComments: 'none',
    logLevel: 'warning',
    minifySyntax: true,
    minifyWhitespace: true,
    // A fifth of what loading takes goes by names. A failure's trace, in which they are gone, is read with the map.
    minifyIdentifiers: true,
    sourcemap: 'external',
    banner: {
      js: `(function(exports,require,module,__filename,__dirname){const __bundle={
get url(){return require('node:url').pathToFileURL(__filename).href},
monotonicMs(){const [s,ns]=process.hrtime();return s*1e3+ns/1e6}};`,
    },
    footer: { js: '})' },
  };
}

/** A file of commands; `more`: plugins of esbuild's that come last. */
export function commandLineOptions(outfile, contents, more = []) {
  return {
    ...bundleOptions(outfile, contents),
    // Loaded rarely, or with native parts that they find beside themselves.
    external: ['@koromix/*', '@peculiar/x509', 'cbor-extract', 'pino', 'prom-client', 'zod'],
    plugins: [
      {
        name: 'execa',
        setup: (own) => own.onResolve({ filter: /^execa$/ }, () => ({ path: './execa.cjs', external: true })),
      },
      {
        // What few commands load, most of them of a cluster's members: bin/snapcommit.js leaves the bundles out for them.
        name: 'members',
        setup(own) {
          own.onResolve({ filter: /^\.\// }, ({ path, importer }) =>
            importer.endsWith('/dist/daemon/doors.js') ? { path, namespace: 'members' } : undefined,
          );
          own.onLoad({ filter: /./, namespace: 'members' }, ({ path }) => ({
            contents: `throw new Error(${JSON.stringify(`${path} is in no bundle: see bin/snapcommit.js`)});`,
          }));
        },
      },
      {
        // The one package of the two that this Node loads, and its native part, which it looks for in several places: it is
        // always the same one.
        name: 'sqlite',
        setup(own) {
          own.onResolve({ filter: /\/sqlite\.js$/ }, ({ path, importer }) =>
            importer.includes('/dist/adapters/store-sqlite/') ? { path, namespace: 'sqlite' } : undefined,
          );
          own.onLoad({ filter: /./, namespace: 'sqlite' }, () => ({
            contents: `import Sqlite from ${JSON.stringify(sqlitePackage)}; export { Sqlite };`,
            resolveDir: root,
          }));
          own.onLoad({ filter: /\/better-sqlite3-napi\/lib\/binding\.js$/ }, () => ({
            contents: `exports.getBinding = ${sqlitePart(dirname(outfile))};`,
          }));
          own.onResolve({ filter: /^bindings$/ }, () => ({ path: 'bindings', namespace: 'native-part' }));
          own.onLoad({ filter: /./, namespace: 'native-part' }, () => ({
            contents: `module.exports = ${sqlitePart(dirname(outfile))};`,
          }));
        },
      },
      {
        // It patches fs against too many open files; who takes one lock file has not so many, and the patching takes time.
        name: 'graceful-fs',
        setup(own) {
          own.onResolve({ filter: /^graceful-fs$/ }, () => ({ path: 'node:fs', external: true }));
        },
      },
      {
        // It asserts once that what it was handed is a function; node:assert is much to load for that.
        name: 'signal-exit',
        setup(own) {
          own.onResolve({ filter: /^assert$/ }, ({ importer }) =>
            importer.includes('/signal-exit/') ? { path: 'assert', namespace: 'asserted-by-types' } : undefined,
          );
          own.onLoad({ filter: /./, namespace: 'asserted-by-types' }, () => ({
            contents: 'module.exports = { equal: () => undefined };',
          }));
        },
      },
      {
        // commander could run a subcommand as a program; ours has none, and loading what that takes costs every command.
        name: 'commander',
        setup: (own) =>
          own.onLoad({ filter: /\/commander\/lib\/command\.js$/ }, ({ path }) => ({ contents: withoutPrograms(path) })),
      },
      {
        // A require() that the bundler can follow, and the native part without the search for the C library that fits it.
        name: 'koffi',
        setup(own) {
          own.onLoad({ filter: /\/dist\/native\/library\.js$/ }, ({ path }) => ({
            contents: replaced(path, 'const require = createRequire(import.meta.url);', ''),
          }));
          own.onResolve({ filter: /^@koromix\/[^/]+$/ }, ({ path }) => ({ path, namespace: 'koffi-part' }));
          own.onLoad({ filter: /./, namespace: 'koffi-part' }, ({ path }) => ({
            contents: koffiPart(path, dirname(outfile)),
          }));
        },
      },
      builtinsOnUse,
      ...more,
    ],
  };
}

/**
 * What loading koffi's package for this platform comes down to here; elsewhere, or when it lies elsewhere by then, the
 * package itself. Looked for from koffi, whose dependency it is.
 */
function koffiPart(name, outdir) {
  const fromKoffi =
    "require('node:module').createRequire(require('node:module').createRequire(__filename).resolve('koffi'))";
  const native = nativePart(name);
  const direct = JSON.stringify(native === null ? name : relative(outdir, native));
  return `try { module.exports = require(${direct}); } catch { module.exports = ${fromKoffi}(${JSON.stringify(name)}); }`;
}

/** The file that a package of koffi's comes down to; null: of another platform, and never asked for here. */
function nativePart(name) {
  try {
    createRequire(require.resolve('koffi'))(name);
  } catch {
    return null;
  }
  const isOfIt = (file) => file.includes(`/node_modules/${name}/`) && file.endsWith('.node');
  return Object.keys(require.cache).find(isOfIt) ?? null;
}

/**
 * A function that loads SQLite's native part: the file itself, without the looking for packages that require() begins with;
 * or from its package, when that lies elsewhere by then.
 */
function sqlitePart(outdir) {
  const [file, inPackage] = hasNodeApi ? napiPart() : compiledPart();
  const direct = JSON.stringify(relative(outdir, file));
  const elsewhere = JSON.stringify(inPackage);
  return `() => {
    const part = { exports: {} };
    const { dirname, join } = require('node:path');
    try { process.dlopen(part, join(__dirname, ${direct})); } catch {
      const itself = require('node:module').createRequire(__filename).resolve('${sqlitePackage}/package.json');
      process.dlopen(part, join(dirname(itself), ${elsewhere}));
    }
    return part.exports;
  }`;
}

/** The file, and its path in the package. */
function compiledPart() {
  const inPackage = 'build/Release/better_sqlite3.node';
  return [require.resolve(`${sqlitePackage}/${inPackage}`), inPackage];
}

function napiPart() {
  // It is loaded with the first database.
  const Sqlite = require(sqlitePackage);
  new Sqlite(':memory:').close();
  const file = Object.keys(require.cache).find((one) => one.includes(`/${sqlitePackage}/prebuilds/`));
  if (file === undefined)
    throw new Error(`${sqlitePackage} has loaded no ready-made binary: see sqlitePart of bundle.mjs`);
  return [file, relative(dirname(require.resolve(`${sqlitePackage}/package.json`)), file)];
}

function withoutPrograms(path) {
  return replaced(
    path,
    "const childProcess = require('node:child_process');",
    "const childProcess = { spawn: (...all) => require('node:child_process').spawn(...all) };",
  );
}

/** The text of a file with this part of it replaced, which must be there. */
export function replaced(path, part, by, text = readFileSync(path, 'utf8')) {
  if (!text.includes(part)) throw new Error(`${path} has no \`${part}\` any more: see the plugins of bundle.mjs`);
  return text.replace(part, by);
}
