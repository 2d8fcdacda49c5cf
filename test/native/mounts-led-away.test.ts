/**
 * Whoever owns a directory above a mount point can put a symlink in its place at any moment: what is mounted and unmounted
 * then is at the directory that was looked at, or nothing is.
 */
import fs, { closeSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { detachMount, mountBeneath, mountDetached, unmountIdle } from '#src/native/mount-swap.js';
import { mountFilesystem, mountTucked } from '#src/native/mount-tuck.js';
import { run } from '../support/btrfs.js';
import { requireRoot } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

requireRoot(t);

interface Trap {
  /** A mount of its own, shared. */
  readonly around: string;
  /** Theirs, and what they may call it instead. */
  readonly theirs: string;
  readonly moved: string;
  /** A mount point in a directory that is not theirs; the trees of both hold a file `file` with their names. */
  readonly system: string;
}

/** Both directories hold a mount point `notes`. */
function makeTrap(t: Test): Trap {
  const around = temporaryDirectory(t);
  run('mount', '--bind', around, around);
  t.teardown(() => run('umount', '--recursive', '--lazy', around));
  run('mount', '--make-private', around);
  run('mount', '--make-shared', around);
  for (const name of ['theirs', 'system']) {
    const at = join(around, name, 'notes');
    mkdirSync(join(at, 'below'), { recursive: true });
    run('mount', '-t', 'tmpfs', 'tmpfs', at);
    writeFileSync(join(at, 'file'), name);
  }
  return { around, theirs: join(around, 'theirs'), moved: join(around, 'moved'), system: join(around, 'system') };
}

/** Their directory becomes `moved` once `path` was opened and looked at, and a symlink to `system` stands in its place. */
function closeTrap(path: string, { theirs, moved, system }: Trap): void {
  const { readlinkSync } = fs;
  const hook = (looked: fs.PathLike): string => {
    const found = readlinkSync(looked);
    if (found !== path) return found;
    Object.assign(fs, { readlinkSync });
    syncBuiltinESMExports();
    renameSync(theirs, moved);
    symlinkSync(system, theirs);
    return found;
  };
  Object.assign(fs, { readlinkSync: hook });
  syncBuiltinESMExports();
}

function mountsAt(path: string): number {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => line.split(' ')[4] === path).length;
}

function assertUntouched(t: Test, { system }: Trap): void {
  t.equal(readFileSync(join(system, 'notes', 'file'), 'utf8'), 'system');
  t.equal(mountsAt(join(system, 'notes')), 1);
}

function beneath(at: string): void {
  const detached = mountDetached('tmpfs', 'tmpfs', {});
  try {
    mountBeneath(detached, at, []);
  } finally {
    closeSync(detached);
  }
}

function tucked(at: string, { around }: Trap, workshop: string): void {
  mountTucked({ workshop, type: 'tmpfs', source: 'tmpfs', at, parent: around, options: [], data: null });
}

interface Case {
  readonly what: string;
  readonly act: (at: string, trap: Trap, workshop: string) => void;
  /** What is looked at last, and how many mounts are at their mount point afterwards. */
  readonly looked: (trap: Trap, workshop: string) => string;
  readonly left: number;
}

const CASES: readonly Case[] = [
  { what: 'a mount that is detached', act: detachMount, looked: ({ theirs }) => theirs, left: 0 },
  { what: 'an idle mount that is taken away', act: unmountIdle, looked: ({ theirs }) => theirs, left: 0 },
  { what: 'a mount beneath', act: beneath, looked: ({ theirs }) => theirs, left: 2 },
  {
    what: 'a mount that is tucked in',
    act: tucked,
    looked: (_, workshop) => join(workshop, 'parent', 'theirs', 'notes'),
    left: 2,
  },
  {
    what: 'a mounted filesystem',
    act: (at) => {
      mountFilesystem('tmpfs', 'tmpfs', at, null);
    },
    looked: ({ theirs }) => join(theirs, 'notes'),
    left: 2,
  },
];

for (const { what, act, looked, left } of CASES) {
  void t.test(`${what} is where was looked, wherever the name leads by then`, (t) => {
    const trap = makeTrap(t);
    const workshop = join(temporaryDirectory(t), 'workshop');
    closeTrap(looked(trap, workshop), trap);
    act(join(trap.theirs, 'notes'), trap, workshop);
    t.ok(existsSync(trap.moved), 'the trap has closed');
    t.equal(mountsAt(join(trap.moved, 'notes')), left);
    assertUntouched(t, trap);
    t.end();
  });

  void t.test(`${what} is nowhere behind a symlink`, (t) => {
    const trap = makeTrap(t);
    const workshop = join(temporaryDirectory(t), 'workshop');
    symlinkSync(trap.around, join(trap.theirs, 'link'));
    t.throws(
      () => {
        act(join(trap.theirs, 'link', 'system', 'notes'), trap, workshop);
      },
      { code: 'ELOOP', message: /leads through a symbolic link to / },
    );
    assertUntouched(t, trap);
    t.end();
  });
}
