// Some tests run programs of the checkout as an ordinary user. Where others may not read the checkout (a clone in a private
// directory), the tests run from a view of it instead: its entries, bind-mounted into a directory that everybody may enter.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './files.mjs';

/** @returns {{ directory: string, release: () => void }} where to run the tests from, and how to take that away again */
export function readableView() {
  if (process.getuid?.() !== 0 || isReadable()) return { directory: root, release: () => undefined };
  const directory = mkdtempSync(join(tmpdir(), 'snapcommit-view-'));
  chmodSync(directory, 0o755);
  const mounted = [];
  const release = () => {
    for (const point of mounted.splice(0)) mount('umount', point);
    rmSync(directory, { recursive: true, force: true });
  };
  process.on('exit', release);
  for (const name of readdirSync(root).filter((entry) => entry !== '.git')) {
    const from = join(root, name);
    const at = join(directory, name);
    if (statSync(from).isDirectory()) mkdirSync(at);
    else writeFileSync(at, '');
    mount('mount', '--bind', from, at);
    mounted.push(at);
  }
  return { directory, release };
}

function isReadable() {
  for (let at = root; ; at = dirname(at)) {
    if ((statSync(at).mode & (at === root ? 0o005 : 0o001)) !== (at === root ? 0o005 : 0o001)) return false;
    if (at === dirname(at)) return true;
  }
}

function mount(tool, ...args) {
  const result = spawnSync(tool, args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${tool} ${args.join(' ')}: ${result.stderr ?? result.error?.message}`);
}
