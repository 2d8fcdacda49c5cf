/** bin/snapcommit.js runs the bundle only where this Node's kind has made it, since native parts are joined to it. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { temporaryDirectory } from '../support/temp.js';

const bin = fileURLToPath(new URL('../../../bin', import.meta.url));

t.test('a bundle of a Node with another binary interface is left alone, and so is an older one', async (t) => {
  const root = temporaryDirectory(t);
  cpSync(bin, join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'dist', 'cli'), { recursive: true });
  mkdirSync(join(root, 'dist', 'bundle'));
  const write = (file: string, text: string, atSeconds = 1000): void => {
    writeFileSync(join(root, 'dist', file), text);
    utimesSync(join(root, 'dist', file), atSeconds, atSeconds);
  };
  write('package.json', '{ "type": "module" }');
  write('cli/main.js', `export const start = () => console.log('modules');`);
  write('bundle/main.cjs', `(function(exports){exports.start=()=>console.log('bundle')})`);
  write('.tsbuildinfo', '');
  const runs = (): string =>
    spawnSync(process.execPath, [join(root, 'bin', 'snapcommit.js'), 'list'], { encoding: 'utf8' }).stdout.trim();
  t.equal(runs(), 'modules', 'nobody has ended making the bundle');
  write('bundle/main.cjs.1.cache', '');
  t.equal(runs(), 'modules', 'a Node of long ago made it');
  const own = `bundle/main.cjs.${process.versions.modules}.cache`;
  write(own, '', 999);
  t.equal(runs(), 'modules', 'it was compiled since');
  write(own, '', 1001);
  t.equal(runs(), 'bundle');
});
