/** Finding who uses a tree: every way of using it, on btrfs subvolumes and on plain directories. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createTreeUsers } from '#src/adapters/tree-users/index.js';
import type { TreeUser } from '#src/ports/sandbox.js';
import { makeBtrfs, run } from '../support/btrfs.js';
import { requireBtrfs } from '../support/requirements.js';
import { readableProgram } from '../support/sandboxes.js';
import { temporaryDirectory } from '../support/temp.js';

requireBtrfs(t);

const HOLDER = join(import.meta.dirname, '..', 'support', 'hold-tree.js');
const PRIVATE = ['/usr/bin/unshare', '--mount', '--propagation', 'private', '--'];
const users = createTreeUsers();

interface Trees {
  readonly tree: string;
  /** A sibling whose name begins with the tree's. */
  readonly sibling: string;
  /** An empty directory outside. */
  readonly place: string;
}

function fill(tree: string): void {
  mkdirSync(join(tree, 'directory'), { recursive: true });
  writeFileSync(join(tree, 'file'), 'x'.repeat(8192));
}

function trees(t: Test, kind: 'btrfs' | 'plain'): Trees {
  const btrfs = kind === 'btrfs' ? makeBtrfs(t) : null;
  const outside = btrfs?.outside ?? temporaryDirectory(t);
  const [tree, sibling] = ['tree', 'tree-2'].map((name) => btrfs?.subvolume(name) ?? join(outside, name));
  const place = join(outside, 'place');
  mkdirSync(place);
  fill(tree ?? '');
  fill(sibling ?? '');
  return { tree: tree ?? '', sibling: sibling ?? '', place };
}

/** Starts a process that uses the tree, and resolves with its pid when it does. Ended with the test. */
async function hold(t: Test, words: readonly string[], prefix: readonly string[] = []): Promise<number> {
  const [file = '', ...args] = [...prefix, process.execPath, HOLDER, ...words];
  const child = spawn(file, args, { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

function brief(found: readonly TreeUser[]): readonly (readonly [number, string, string])[] {
  return found.map(({ pid, use, path }) => [pid, use, path] as const);
}

for (const kind of ['btrfs', 'plain'] as const) {
  void t.test(kind, (t) => {
    const { tree, sibling, place } = trees(t, kind);
    void t.test(`${kind}, nobody uses a tree that is left alone, whatever happens beside it`, async (t) => {
      await hold(t, ['open', sibling]);
      await hold(t, ['mapped', sibling]);
      await hold(t, ['working-directory', sibling]);
      await hold(t, ['mounted', sibling, place], PRIVATE);
      t.same(await users.find(tree, []), []);
    });

    const uses: readonly (readonly [string, string, string])[] = [
      ['open', 'open file', 'file'],
      ['path-only', 'open file', 'directory'],
      ['deleted', 'open file', 'doomed (deleted)'],
      ['mapped', 'mapping', 'file'],
      ['working-directory', 'working directory', 'directory'],
      ['root-directory', 'root directory', ''],
    ];
    for (const [how, use, path] of uses) {
      void t.test(`T7 ${kind}, a tree in use is found: ${how}`, async (t) => {
        const pid = await hold(t, [how, tree]);
        const found = await users.find(tree, []);
        t.match(
          found.filter((user) => user.use === use),
          [{ pid, command: 'node', path: join(tree, path) }],
        );
        t.ok(
          found.every((user) => user.pid === pid),
          'and nobody else',
        );
        t.same(await users.find(tree, [pid]), [], 'unless it is to be ignored');
        t.same(await users.find(sibling, []), [], 'and the sibling has none');
      });
    }

    void t.test(`T7 ${kind}, a mount of the tree, or of a part of it, at another place is found`, async (t) => {
      run('mount', '--bind', join(tree, 'directory'), place);
      t.teardown(() => run('umount', place));
      t.same(brief(await users.find(tree, [])), [[0, 'mount', place]]);
    });

    void t.test(`T7 ${kind}, a mount in another namespace is found, and the files open through it`, async (t) => {
      const mounted = await hold(t, ['mounted', tree, place], PRIVATE);
      t.same(brief(await users.find(tree, [])), [[mounted, 'mount', place]]);
      const opened = await hold(t, ['opened-elsewhere', tree, place], PRIVATE);
      t.same(brief(await users.find(tree, [mounted])), [
        [opened, 'open file', join(place, 'file')],
        [opened, 'mount', place],
      ]);
    });

    void t.test(`T7 ${kind}, a file that is open through a mount that was taken away is found`, async (t) => {
      const pid = await hold(t, ['detached', tree, place], PRIVATE);
      t.match(await users.find(tree, []), [{ pid, use: 'open file' }]);
    });

    void t.test(`${kind}, who sees another tree at the live path uses that one`, async (t) => {
      const pid = await hold(t, ['opened-elsewhere', sibling, tree], PRIVATE);
      t.same(await users.find(tree, []), []);
      t.same(brief(await users.find(sibling, [])), [
        [pid, 'open file', join(tree, 'file')],
        [pid, 'mount', tree],
      ]);
    });

    void t.test(`T7 ${kind}, a file behind a loop device is found`, async (t) => {
      const loop = run('losetup', '--find', '--show', join(tree, 'file')).trim();
      t.teardown(() => run('losetup', '--detach', loop));
      t.match(await users.find(tree, []), [{ pid: 0, use: 'open file', path: join(tree, 'file') }]);
    });
    t.end();
  });
}

void t.test('a subvolume that is mounted on its own path is not in use by that', async (t) => {
  const btrfs = makeBtrfs(t);
  fill(btrfs.subvolume('tree'));
  const point = btrfs.mountSubvolume('tree');
  t.same(await users.find(point, []), []);
  t.same(brief(await users.find(join(btrfs.mount, 'tree'), [])), [[0, 'mount', point]]);
  const pid = await hold(t, ['open', join(btrfs.mount, 'tree')]);
  t.match(await users.find(point, []), [{ pid, use: 'open file' }], 'also when it is used through the other path');
});

void t.test('a tree that is gone is an error', async (t) => {
  await t.rejects(users.find('/no/such/tree', []), { code: 'VOLUME_UNAVAILABLE' });
});

void t.test('an ordinary user finds his own processes, mappings too', async (t) => {
  const program = readableProgram(t);
  const { tree } = trees(t, 'plain');
  chmodSync(join(tree, '..'), 0o755);
  const asNobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const script = `
    const { createTreeUsers } = await import(${JSON.stringify(join(program, 'dist/adapters/tree-users/index.js'))});
    console.log(JSON.stringify(await createTreeUsers().find(${JSON.stringify(tree)}, [])));
  `;
  const holder = join(program, 'build/test/support/hold-tree.js');
  const child = spawn('/usr/bin/setpriv', [...asNobody, process.execPath, holder, 'mapped', tree], {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const found = run('/usr/bin/setpriv', ...asNobody, process.execPath, '--input-type=module', '-e', script);
  t.match(JSON.parse(found), [{ pid: child.pid, use: 'mapping', path: join(tree, 'file') }]);
});
