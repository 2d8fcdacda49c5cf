/**
 * A process that uses a tree in one way and prints `ready`:
 *   hold-tree.js KIND TREE [PLACE]
 * TREE holds a file `file` and a directory `directory`. Kinds that mount must run in a private mount namespace.
 */
import { closeSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkResult, loadLibc } from '#src/native/library.js';
import { bindMount } from '#src/native/mounts.js';

const O_PATH = 0o10000000;
const PROT_READ = 1;
const MAP_SHARED = 1;
const MNT_DETACH = 2;

type Foreign = (...values: unknown[]) => number;

const [kind = '', tree = '', place = ''] = process.argv.slice(2);

switch (kind) {
  case 'open':
    openSync(join(tree, 'file'), 'r');
    break;
  case 'path-only':
    openSync(join(tree, 'directory'), O_PATH);
    break;
  case 'deleted':
    writeFileSync(join(tree, 'doomed'), '');
    openSync(join(tree, 'doomed'), 'r+');
    unlinkSync(join(tree, 'doomed'));
    break;
  case 'mapped':
    mapWithoutDescriptor(join(tree, 'file'));
    break;
  case 'working-directory':
    process.chdir(join(tree, 'directory'));
    break;
  case 'root-directory':
    checkResult((loadLibc().func('int chroot(const char *path)') as Foreign)(tree), 'chroot', tree);
    break;
  case 'mounted':
    show(tree, place);
    break;
  case 'opened-elsewhere':
    show(tree, place);
    openSync(join(place, 'file'), 'r');
    break;
  case 'detached':
    show(tree, place);
    openSync(join(place, 'file'), 'r');
    checkResult(
      (loadLibc().func('int umount2(const char *path, int flags)') as Foreign)(place, MNT_DETACH),
      'umount2',
      place,
    );
    break;
  default:
    throw new Error(`unknown kind ${kind}`);
}
process.stdout.write('ready\n');
process.stdin.resume();

function show(from: string, at: string): void {
  const [source, target] = [openSync(from, O_PATH), openSync(at, O_PATH)];
  bindMount(source, target, `${from} over ${at}`);
  closeSync(source);
  closeSync(target);
}

function mapWithoutDescriptor(file: string): void {
  const fd = openSync(file, 'r');
  const mmap = loadLibc().func(
    'intptr_t mmap(intptr_t address, size_t length, int protection, int flags, int fd, intptr_t offset)',
  ) as Foreign;
  checkResult(mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0), 'mmap', file);
  closeSync(fd);
}
