/** A disk that is full, and one that is read-only: a small ext4 of its own. Needs root. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createStore, openStore } from '#src/adapters/store-sqlite/index.js';
import { SnapcommitError } from '#src/errors.js';
import { initEmbeddedLog, openEmbeddedLog } from '#src/daemon/embedded-log.js';
import { contractIdentity, entry, write } from '../contract/log-store.js';
import { childCommand, clock, freshDirectory, hasTool, identity, run, volumeNamed, withLog } from './support.js';

/** A page with its header, in the WAL. */
const WAL_FRAME_BYTES = 4096 + 24;

/** Whether this process may mount. Under CI it has to. */
function mayMount(t: Test): boolean {
  const root = process.getuid?.() === 0;
  if (process.env['CI'] === 'true') t.ok(root, 'this test has to run as root under CI');
  else if (!root) t.comment('not root: nothing was tested');
  return root && hasTool(t, 'mkfs.ext4');
}

/** A mounted ext4 of 8 MiB that goes when the test ends. */
function smallDisk(t: Test, blockBytes: number): string {
  const directory = freshDirectory(t);
  const image = join(directory, 'image');
  const mount = join(directory, 'mounted');
  writeFileSync(image, '');
  truncateSync(image, 8 << 20);
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', '-b', String(blockBytes), image]);
  mkdirSync(mount);
  execFileSync('mount', ['-o', 'loop', image, mount]);
  t.teardown(() => {
    execFileSync('umount', ['-l', mount]);
  });
  return mount;
}

/** Fills the disk; answers the file that does. */
function fill(mount: string, leaveBytes: number): string {
  const filler = join(mount, 'filler');
  const descriptor = openSync(filler, 'w');
  const block = Buffer.alloc(4096, 0x55);
  let written = 0;
  try {
    for (;;) written += writeSync(descriptor, block);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(descriptor);
  }
  truncateSync(filler, Math.max(0, written - leaveBytes));
  return filler;
}

async function codeOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (error instanceof SnapcommitError) return error.code;
    throw error;
  }
  return 'done';
}

t.test('L6 on a full disk every answer is yes or no, and both are true', async (t) => {
  if (!mayMount(t)) return;
  // Blocks smaller than a page are where the kernel would answer SQLite's memory map with SIGBUS.
  for (const [blockBytes, leave] of [
    [4096, 340_000],
    [4096, 600_000],
    [1024, 340_000],
  ] as const) {
    const mount = smallDisk(t, blockBytes);
    const directory = join(mount, 'log');
    await initEmbeddedLog(directory, identity);
    const filler = fill(mount, leave);
    const { stdout } = await run(t, childCommand('append', directory, 'v', '60', 'die'));
    const lines = stdout.trim().split('\n');
    const chosen = lines.filter((line) => line.startsWith('chosen')).map((line) => line.split(' ')[2] ?? '');
    const refused = lines.filter((line) => line === 'STORE_FULL');
    t.ok(
      refused.length > 0 && chosen.length > 0,
      `${String(chosen.length)} appends fitted into ${String(leave)} bytes`,
    );
    t.equal(chosen.length + refused.length, 60, 'nothing else was answered');
    rmSync(filler);
    await withLog(directory, async (log) => {
      t.same(
        Object.keys((await log.read()).volumes).sort(),
        [...chosen].sort(),
        'exactly what was answered yes is there',
      );
      t.match(await log.append(volumeNamed('more')), { status: 'chosen', slot: chosen.length + 1 });
      await log.scrub();
    });
  }
});

t.test('L6 a batch that is larger than the space left is not done, and a crash does not bring it back', async (t) => {
  if (!mayMount(t)) return;
  const mount = smallDisk(t, 4096);
  const directory = join(mount, 'log');
  await initEmbeddedLog(directory, identity);
  const filler = fill(mount, 300 << 10);
  const { stdout, signal } = await run(t, childCommand('large', directory, 'v', String(600 << 10)));
  t.same(stdout.trim().split('\n'), ['chosen', 'STORE_FULL', 'STORE_FULL']);
  t.equal(signal, 'SIGKILL', 'it died without closing, so the next process recovers from the WAL');
  rmSync(filler);
  await withLog(directory, async (log) => {
    t.equal((await log.read()).applied, 1);
    t.match(await log.append(volumeNamed('more')), { status: 'chosen', slot: 2 });
    await log.scrub();
  });
});

t.test('L6 a process that met a full disk goes on when there is space again', async (t) => {
  if (!mayMount(t)) return;
  const mount = smallDisk(t, 4096);
  const directory = join(mount, 'log');
  await initEmbeddedLog(directory, identity);
  const log = await openEmbeddedLog(directory, { clock });
  t.teardown(() => {
    log.close();
  });
  await log.append(volumeNamed('first'));
  const filler = fill(mount, 0);
  let n = 0;
  while ((await codeOf(() => log.append(volumeNamed(`v${String(n)}`)))) === 'done') n += 1;
  t.equal(await codeOf(() => log.append(volumeNamed('no'))), 'STORE_FULL');
  t.match(await codeOf(() => log.read()), /^(done|STORE_FULL)$/, 'a read is right or refused');
  rmSync(filler);
  t.equal((await log.read()).applied, n + 1);
  t.match(await log.append(volumeNamed('yes')), { status: 'chosen', slot: n + 2 });
  log.close();
});

t.test('L6 a full disk behind a written commit is told as unknown, and a kill there brings it back', async (t) => {
  if (!mayMount(t)) return;
  const mount = join(freshDirectory(t), 'mounted');
  mkdirSync(mount);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', mount]);
  t.teardown(() => {
    execFileSync('umount', ['-l', mount]);
  });
  const file = join(mount, 'log.sqlite');
  createStore(file, contractIdentity);
  const store = openStore(file);
  t.teardown(() => {
    store.close();
  });
  // The WAL's index grows by 32 KiB for the frame after this one.
  const edge = WAL_FRAME_BYTES * 4062;
  const filler = join(mount, 'filler');
  let last = 0;
  const append = (bytes: number, leaveBytes: number | null): void => {
    store.exclusively((transaction) => {
      transaction.write(write(last + 1, last, entry('x'.repeat(bytes))));
      if (leaveBytes !== null) fill(mount, leaveBytes);
    });
    last += 1;
  };
  const left = (): number => edge - statSync(`${file}-wal`).size;
  while (left() > 100 * WAL_FRAME_BYTES) append(200_000, null);
  let code = 'done';
  while (code === 'done' && left() > -10 * WAL_FRAME_BYTES) {
    code = await codeOf(async () => {
      append(10, 28 << 10);
    });
    rmSync(filler);
  }
  t.equal(code, 'OUTCOME_UNKNOWN');
  t.equal(await codeOf(async () => store.snapshot(() => 0)), 'LOG_LATCHED');
  // What a kill here leaves behind.
  const copy = join(freshDirectory(t), 'log.sqlite');
  for (const suffix of ['', '-wal']) copyFileSync(`${file}${suffix}`, `${copy}${suffix}`);
  const recovered = openStore(copy);
  t.equal(
    recovered.snapshot(({ head }) => head.last),
    last + 1,
  );
  recovered.close();
});

t.test('a disk that is full before init leaves no log', async (t) => {
  if (!mayMount(t)) return;
  const mount = smallDisk(t, 4096);
  const directory = join(mount, 'log');
  mkdirSync(directory);
  const filler = fill(mount, 4096);
  t.equal(await codeOf(() => initEmbeddedLog(directory, identity)), 'STORE_FULL');
  t.equal(await codeOf(() => openEmbeddedLog(directory, { clock })), 'STATE_NOT_FOUND');
  rmSync(filler);
  t.equal(await codeOf(() => initEmbeddedLog(directory, identity)), 'done');
});

t.test('a read-only filesystem is said to be one', async (t) => {
  if (!mayMount(t)) return;
  const mount = smallDisk(t, 4096);
  const directory = join(mount, 'log');
  await initEmbeddedLog(directory, identity);
  execFileSync('mount', ['-o', 'remount,ro', mount]);
  t.equal(await codeOf(() => openEmbeddedLog(directory, { clock })), 'STORE_READ_ONLY');
  t.equal(await codeOf(() => initEmbeddedLog(join(mount, 'other'), identity)), 'STORE_READ_ONLY');
});
