/** What the directory driver has synced when a call resolves, and in which order: read from its system calls. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { makeDirectoryVolume, runOnVolume } from '../support/directory-volume.js';
import { requireCommand } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

const strace = requireCommand(t, 'strace');
const CALLS = 'trace=openat,mkdir,unlink,rmdir,rename,renameat2,fsync,fdatasync,syncfs';

/** The successful calls that the script made on the volume, in order, paths shortened to PUBLISH and LIVE and PARENT. */
function trace(
  t: Parameters<typeof temporaryDirectory>[0],
  place: VolumePlace,
  parent: string,
  script: string,
): readonly string[] {
  const file = join(temporaryDirectory(t, 'strace'), 'trace');
  // dirfds and descriptors are shown with their paths (-y); a call that another thread interrupts is put together again
  const child = runOnVolume(place, script, {}, [strace, '-f', '-y', '-qq', '-o', file, '-e', CALLS]);
  t.equal(child.status, 0, child.stderr);
  return withPaths(joinInterrupted(readFileSync(file, 'utf8').split('\n')))
    .filter((line) => line.includes(parent) && / = \d/.test(line))
    .map((line) =>
      line.replaceAll(place.publishDirectory, 'PUBLISH').replaceAll(place.source, 'LIVE').replaceAll(parent, 'PARENT'),
    );
}

function joinInterrupted(lines: readonly string[]): readonly string[] {
  const begun = new Map<string, string>();
  const whole: string[] = [];
  for (const line of lines) {
    const [, pid = '', text = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (text.endsWith('<unfinished ...>')) {
      begun.set(pid, text.replace(/\s*<unfinished \.\.\.>$/, ''));
    } else {
      const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
      whole.push(resumed === null ? text : (begun.get(pid) ?? '') + (resumed[1] ?? ''));
    }
  }
  return whole;
}

/** What was looked up from a descriptor, with the path that it was opened by. */
function withPaths(lines: readonly string[]): readonly string[] {
  const opened = new Map<string, string>();
  return lines.map((line) => {
    const [, descriptor, path = ''] = /^openat\(.* = (\d+)<(.*)>$/.exec(line) ?? [];
    const shown = line.replace(/\/proc\/self\/fd\/(\d+)/g, (text, number: string) => opened.get(number) ?? text);
    if (descriptor !== undefined) opened.set(descriptor, path);
    return shown;
  });
}

/** Asserts that lines that match the patterns occur in this order. */
function inOrder(
  t: Parameters<typeof temporaryDirectory>[0],
  lines: readonly string[],
  patterns: readonly RegExp[],
): void {
  let from = 0;
  for (const pattern of patterns) {
    const index = lines.findIndex((line, position) => position >= from && pattern.test(line));
    t.not(index, -1, `${String(pattern)} after line ${String(from)} of\n${lines.join('\n')}`);
    if (index >= 0) from = index + 1;
  }
}

const CALLS_THAT_COPY = [
  ['stage', `await driver.stage(place, 'x');`],
  ['clone', `await driver.clone(place, 'x', null);`],
  ['seal', `await driver.seal(place, 'clone', 'x');`],
] as const;

for (const [name, script] of CALLS_THAT_COPY) {
  void t.test(`D7 ${name}: the copy is durable before its identity, and both before it resolves`, async (t) => {
    const { driver, place, parent } = await makeDirectoryVolume(t);
    writeFileSync(join(place.source, 'file'), 'content');
    await driver.clone(place, 'clone', null);
    const lines = trace(t, place, parent, script);
    inOrder(t, lines, [
      /^mkdir\("PUBLISH\/x"/,
      /^openat\(.*\/file".*O_CREAT/,
      /^syncfs\(\d+<PUBLISH\/x>/,
      /^openat\(.*PUBLISH\/x\/identity\.new/,
      /^fsync\(\d+<PUBLISH\/x\/identity\.new>/,
      /^rename\("PUBLISH\/x\/identity\.new", "PUBLISH\/x\/identity"/,
      /^fsync\(\d+<PUBLISH\/x>/,
      /^fsync\(\d+<PUBLISH>/,
    ]);
    const identity = lines.findIndex((line) => line.includes('identity.new'));
    const copied = lines.findLastIndex((line) => /^openat\(.*PUBLISH\/x\/tree.*O_CREAT/.test(line));
    t.ok(copied < identity, 'nothing is copied after the sync');
    if (name !== 'clone') return;
    // T7: a mapped page that stays dirty past the listing hides the next store from the time of change
    inOrder(t, lines, [/^syncfs\(\d+<LIVE>/, /PUBLISH\/x\/listing/, /"PUBLISH\/x\/tree"/]);
  });
}

void t.test('G12 rename changes a name in one step, and sync makes it durable', async (t) => {
  const { driver, place, parent } = await makeDirectoryVolume(t);
  await driver.stage(place, 'a');
  inOrder(t, trace(t, place, parent, `await driver.rename(place, 'a', 'b'); await driver.sync(place);`), [
    /^renameat2\(.*"PUBLISH\/a", .*"PUBLISH\/b", RENAME_NOREPLACE\)/,
    /^fsync\(\d+<PUBLISH>/,
  ]);
});

void t.test(
  'G12 an exchange syncs the clone before and both parents after, also when it was done already',
  async (t) => {
    const { driver, place, parent } = await makeDirectoryVolume(t);
    const base = (await driver.live(place)).id;
    const clone = (await driver.clone(place, 'c', null)).id;
    const script = `await driver.exchange(place, 'c', ${JSON.stringify({ base, clone })});`;
    const after = [/^fsync\(\d+<PARENT>/, /^fsync\(\d+<PUBLISH\/c>/];
    inOrder(t, trace(t, place, parent, script), [/^syncfs\(\d+<PUBLISH/, /^renameat2\(.*RENAME_EXCHANGE\)/, ...after]);
    const again = trace(t, place, parent, script);
    inOrder(t, again, after);
    t.notOk(again.some((line) => line.startsWith('renameat2')));
  },
);

void t.test(
  'D6 an exchange that was done is not said to be durable when the sync fails, and needs no wrapper',
  async (t) => {
    const { driver, place } = await makeDirectoryVolume(t);
    const base = (await driver.live(place)).id;
    const clone = (await driver.clone(place, 'c', null)).id;
    await driver.exchange(place, 'c', { base, clone });
    const child = runOnVolume(
      place,
      `const { open } = promises;
    promises.open = async (path, ...rest) => {
      const handle = await open(path, ...rest);
      const fails = async () => { throw Object.assign(new Error('no disk'), { code: 'EIO' }); };
      if (String(path).endsWith('/c')) handle.sync = fails;
      return handle;
    };
    syncBuiltinESMExports();
    console.log(await driver.exchange(place, 'c', ${JSON.stringify({ base, clone })}).catch((error) => error.message));`,
    );
    t.match(child.stdout, `volume db: ${place.publishDirectory}/c: EIO`, child.stderr);
    rmSync(join(place.publishDirectory, 'c'), { recursive: true });
    t.equal(await driver.exchange(place, 'c', { base, clone }), 'done', 'the replaced tree was deleted since');
  },
);

void t.test('D7 a removal is durable when it resolves, and takes the identity first', async (t) => {
  const { driver, place, parent } = await makeDirectoryVolume(t);
  writeFileSync(join(place.source, 'file'), 'content');
  await driver.stage(place, 'x');
  inOrder(t, trace(t, place, parent, `await driver.remove(place, ['x']);`), [
    /^unlink\("PUBLISH\/x\/identity"/,
    /^fsync\(\d+<PUBLISH\/x>/,
    /^rmdir\("PUBLISH\/x"/,
    /^fsync\(\d+<PUBLISH>/,
  ]);
});

void t.test('D7 prepare makes every directory that it made durable', async (t) => {
  const { place, parent } = await makeDirectoryVolume(t);
  const deep = { ...place, publishDirectory: join(parent, 'one', 'two') };
  inOrder(t, trace(t, deep, parent, 'await driver.prepare(place);'), [
    /^mkdir\("PARENT\/one"/,
    /^mkdir\("PUBLISH"/,
    /^fsync\(\d+<PARENT>/,
    /^fsync\(\d+<PARENT\/one>/,
    /^fsync\(\d+<PUBLISH>/,
  ]);
});
