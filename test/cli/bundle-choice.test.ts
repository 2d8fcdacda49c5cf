/**
 * bin/snapcommit.js runs the bundle only where this Node's kind has made it, since native parts are joined to it. What runs
 * programs is in a file of its own beside it.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { temporaryDirectory } from '../support/temp.js';

const ABI = process.versions.modules;
const OWN = `bundle/main.cjs.${ABI}.cache`;
const bin = fileURLToPath(new URL('../../../bin', import.meta.url));

interface Tree {
  readonly write: (file: string, text: string | Buffer, atSeconds?: number) => void;
  /** What a command prints. */
  readonly runs: () => string;
}

/** A checkout whose files below dist/ are written. */
function checkout(t: Test): Tree {
  const root = temporaryDirectory(t);
  cpSync(bin, join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'dist', 'cli'), { recursive: true });
  mkdirSync(join(root, 'dist', 'bundle'));
  const words = [join(root, 'bin', 'snapcommit.js'), 'list'];
  const tree: Tree = {
    write: (file, text, atSeconds = 1000) => {
      writeFileSync(join(root, 'dist', file), text);
      utimesSync(join(root, 'dist', file), atSeconds, atSeconds);
    },
    runs: () => spawnSync(process.execPath, words, { encoding: 'utf8' }).stdout.trim(),
  };
  tree.write('package.json', '{ "type": "module" }');
  tree.write('cli/main.js', `export const start = () => console.log('modules');`);
  tree.write('bundle/main.cjs', `(function(exports){exports.start=()=>console.log('bundle')})`);
  tree.write('.tsbuildinfo', '');
  return tree;
}

t.test('a bundle of a Node with another binary interface is left alone, and so is an older one', async (t) => {
  const { write, runs } = checkout(t);
  t.equal(runs(), 'modules', 'nobody has ended making the bundle');
  write('bundle/main.cjs.1.cache', '');
  t.equal(runs(), 'modules', 'a Node of long ago made it');
  write(OWN, '', 999);
  t.equal(runs(), 'modules', 'it was compiled since');
  write(OWN, '', 1001);
  t.equal(runs(), 'bundle');
});

t.test('what runs programs comes from its own file, compiled where this V8 has compiled it', async (t) => {
  const { write, runs } = checkout(t);
  write('bundle/main.cjs', `(function(exports,ask){exports.start=()=>console.log(ask('./execa.cjs').who)})`);
  write(OWN, '');
  const text = (who: string): string => `(function(exports){exports.who='${who}'})`;
  write('bundle/execa.cjs', text('source'));
  t.equal(runs(), 'source', 'no cache');
  write(`bundle/execa.cjs.${ABI}.cache`, 'no cache of any V8');
  t.equal(runs(), 'source', 'a cache that V8 refuses');
  // V8 believes a cache of a text of the same length.
  const compile = `
    const script = new (require('node:vm').Script)(process.argv[1]);
    script.runInThisContext()({});
    process.stdout.write(script.createCachedData());`;
  write(`bundle/execa.cjs.${ABI}.cache`, spawnSync(process.execPath, ['-e', compile, text('cached')]).stdout);
  t.equal(runs(), 'cached');
});
