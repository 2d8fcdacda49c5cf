// esbuild plugins by which modules are loaded when something of them is first used: of Node's those that take time, of ours
// those that a command that only reads does not use.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transform } from 'esbuild';

const require = createRequire(import.meta.url);

/** Together they take a third of the time in which Node itself starts. */
const SLOW_BUILTINS = /^node:(child_process|crypto|fs\/promises|module|net|os|stream|timers\/promises|v8|zlib)$/;

/**
 * Node's modules, as our own files import them: the slow ones when something of them is first called; and of each only what
 * is imported, since esbuild makes a getter of every name of a CommonJS module for every file that imports one of them.
 */
export const builtinsOnUse = {
  name: 'builtins-on-use',
  setup(own) {
    own.onResolve({ filter: /^node:/ }, ({ path, kind, namespace }) =>
      kind === 'import-statement' && namespace !== 'builtin'
        ? { path, namespace: 'builtin' }
        : { path, external: true },
    );
    own.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({ contents: builtin(path) }));
  },
};

function builtin(name) {
  const exported = require(name);
  const load = `require(${JSON.stringify(name)})`;
  const each = Object.keys(exported).filter((one) => /^\w+$/.test(one) && one !== 'default');
  const lines = each.map((one) => {
    const isCalled = SLOW_BUILTINS.test(name) && isPlainFunction(exported[one]) && /^[a-z]/.test(one);
    // What nobody imports is left out, which esbuild does with what is marked so.
    return `export const ${one} = ${isCalled ? `(...all) => ${load}.${one}(...all)` : `/* @__PURE__ */ (() => ${load}.${one})()`};`;
  });
  return `${lines.join('\n')}\nexport default /* @__PURE__ */ (() => ${load})();`;
}

/**
 * Every file below `directory` calls `tell`, a global function, with its path below it when something of it is first used.
 * `options`: esbuild's, for its text.
 */
export function tellingOnUse(directory, tell, options) {
  return {
    name: 'telling-on-use',
    setup(own) {
      onOurs(own, directory, (file, { namespace }) =>
        namespace === 'forwarding' ? { path: file, namespace: 'telling' } : forwardingTo(file),
      );
      onForwarding(own, directory, (file) => file);
      // Not as the file that it is, which the package calls an ES module.
      own.onLoad({ filter: /./, namespace: 'telling' }, async ({ path }) => {
        const { code } = await transform(readFileSync(path, 'utf8'), { ...options, format: 'cjs' });
        const told = JSON.stringify(relative(directory, path));
        return { contents: `globalThis.${tell}(${told});${code}`, resolveDir: dirname(path) };
      });
    },
  };
}

/**
 * Files below `directory` that are not `hot` (by their paths below it) are asked for as `cold:PATH` when something of them is
 * first used. Their paths are added to `asked`.
 */
export function coldElsewhere(directory, hot, asked) {
  return {
    name: 'cold-elsewhere',
    setup(own) {
      onOurs(own, directory, (file) => {
        if (hot.has(relative(directory, file))) return undefined;
        asked.add(relative(directory, file));
        return forwardingTo(file);
      });
      own.onResolve({ filter: /^cold:/ }, ({ path }) => ({ path, external: true }));
      onForwarding(own, directory, (file) => `cold:${relative(directory, file)}`);
    },
  };
}

/** The other side: what is `hot`, also packages, is asked for as `hot:NAME`. */
export function hotElsewhere(directory, hot) {
  return {
    name: 'hot-elsewhere',
    setup(own) {
      onOurs(own, directory, (file) => elsewhere(relative(directory, file)));
      own.onResolve({ filter: /^[^./]/ }, ({ path }) => elsewhere(path));
      const elsewhere = (name) => (hot.has(name) ? { path: `hot:${name}`, external: true } : undefined);
    },
  };
}

/** What `answer` says of files below `directory` that are imported by relative or absolute paths. */
function onOurs(own, directory, answer) {
  own.onResolve({ filter: /^\.{0,2}\// }, (asked) => {
    const file = resolve(asked.namespace === 'forwarding' ? '/' : dirname(asked.importer), asked.path);
    const isOurs = asked.kind !== 'entry-point' && asked.importer !== '<stdin>' && file.startsWith(`${directory}/`);
    return isOurs ? answer(file, asked) : undefined;
  });
}

function forwardingTo(file) {
  // Not the file's own path, by which other plugins would know it.
  return { path: `${file}?`, pluginData: file, namespace: 'forwarding' };
}

function onForwarding(own, directory, nameOf) {
  own.onLoad({ filter: /./, namespace: 'forwarding' }, async ({ pluginData: file }) => {
    const exported = await import(pathToFileURL(file).href);
    const functions = Object.keys(exported).filter((name) => isPlainFunction(exported[name]));
    return { contents: forwarding(nameOf(file), Object.keys(exported), functions), resolveDir: directory };
  });
}

function isPlainFunction(value) {
  return typeof value === 'function' && !/^class\b/.test(String(value));
}

/** A module with these exports of the module `name`; of `functions` none is used before it is called. */
function forwarding(name, exported, functions = []) {
  const others = exported.filter((one) => one !== 'default' && !functions.includes(one));
  return `const load = () => require(${JSON.stringify(name)});
for (const name of ${JSON.stringify(functions)}) exports[name] = (...all) => load()[name](...all);
for (const name of ${JSON.stringify(others)})
  Object.defineProperty(exports, name, { enumerable: true, get: () => load()[name] });`;
}
