/** The rig's pure parts, and that what vagrant/ shares with it is there. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { temporaryDirectory } from '../support/temp.js';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');

/** What an expression over the exports of a file of scripts/vm gives. */
function evaluated(file: string, expression: string, ...args: readonly unknown[]): unknown {
  const url = pathToFileURL(join(CHECKOUT, 'scripts', 'vm', file)).href;
  const program = `const it = await import('${url}'); const args = JSON.parse(process.argv[1]);
    console.log(JSON.stringify(await (${expression})));`;
  const words = ['--input-type=module', '-e', program, JSON.stringify(args)];
  return JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' })) as unknown;
}

void t.test("a guest's sources are the host's mirrors of its Debian, with contrib", (t) => {
  const targets = [
    'Debian|http://mirror.example/debian-security/|bookworm-security',
    'Debian|http://mirror.example/debian/|bookworm',
    'Debian|http://mirror.example/debian/|bookworm',
    'Debian|http://mirror.example/debian/|trixie',
    'Somebody|http://other.example/|bookworm',
    '',
  ];
  t.strictSame(evaluated('sources.mjs', 'it.sourcesFrom(args[0])', targets.join('\n')), [
    'deb http://mirror.example/debian bookworm main contrib',
    'deb http://mirror.example/debian-security bookworm-security main contrib',
  ]);
  t.end();
});

void t.test('the OpenZFS of a guest is chosen: of bookworm, or of its backports with nothing else of them', (t) => {
  const chosen = (env: object, option?: string): unknown =>
    evaluated('openzfs.mjs', 'it.chooseOpenZfs(args[1] ?? undefined, args[0])', env, option);
  t.strictSame(chosen({}), { version: '2.1', backport: false });
  t.strictSame(chosen({ SNAPCOMMIT_VM_OPENZFS: '2.3' }), { version: '2.3', backport: true });
  t.strictSame(chosen({ SNAPCOMMIT_VM_OPENZFS: '2.1' }, '2.3'), { version: '2.3', backport: true }, 'the option wins');
  const passedOn = '(it.chooseOpenZfs("2.3", args[0]), args[0])';
  t.match(evaluated('openzfs.mjs', passedOn, {}), { SNAPCOMMIT_VM_OPENZFS: '2.3' }, 'what is started has the same');
  const refused = 'Promise.resolve().then(() => it.chooseOpenZfs("9.9", {})).catch((error) => error.message)';
  t.match(evaluated('openzfs.mjs', refused), /no OpenZFS 9\.9: choose one of 2\.1, 2\.3/);
  const preferences = (backport: boolean): unknown =>
    evaluated('openzfs.mjs', 'it.aptPreferences({ backport: args[0] }, "bookworm")', backport);
  t.equal(preferences(false), null);
  t.match(preferences(true), /^Package: src:zfs-linux\nPin: release n=bookworm-backports\nPin-Priority: 990\n$/);
  const sources = ['deb http://a.example/debian bookworm main', 'deb http://b.example/debian bookworm-security main'];
  t.strictSame(evaluated('sources.mjs', 'it.withBackports(args[0])', sources), [
    ...sources,
    'deb http://a.example/debian bookworm-backports main',
  ]);
  const known = [...sources, 'deb http://c.example/debian bookworm-backports main'];
  t.strictSame(evaluated('sources.mjs', 'it.withBackports(args[0])', known), known, 'those that are known are enough');
  t.end();
});

void t.test('a QEMU whose version nobody understands counts as an old one', (t) => {
  const majorOf = (said: string): unknown => evaluated('emulator.mjs', 'it.majorOf(args[0])', said);
  t.equal(majorOf('QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) …'), 7);
  t.equal(majorOf('QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)'), 10);
  t.equal(majorOf('no such thing 11.0'), 0);
  t.end();
});

void t.test('modules of another OpenZFS are not taken', (t) => {
  const names = ['zfs-2.1.11-1_linux-6.1.0-50-amd64', 'zfs-2.3.2-2~bpo12+2_linux-6.1.0-56-amd64', 'zfs-2.30.0_linux-6'];
  const directory = t.testdir(Object.fromEntries(names.map((name) => [`${name}.tar.zst`, ''])));
  const found = (version: string): unknown =>
    evaluated('modules.mjs', 'it.moduleArchives(args[0], [args[1]])', version, directory);
  t.match(found('2.3'), [{ zfs: '2.3.2-2~bpo12+2', kernel: '6.1.0-56-amd64' }]);
  t.match(found('2.1'), [{ zfs: '2.1.11-1', kernel: '6.1.0-50-amd64' }]);
  t.equal((found('2.3') as unknown[]).length, 1);
  t.strictSame(found('2.2'), []);
  const own = (version: string): unknown => evaluated('places.mjs', 'it.builtModules(args[0], {})', version);
  t.not(own('2.1'), own('2.3'), 'those that are built are kept apart');
  t.end();
});

void t.test('an image is named by all of its inputs', (t) => {
  const key = (parts: readonly string[]): unknown => evaluated('image.mjs', 'it.keyOf({ parts: args[0] })', parts);
  t.match(key(['a', 'b']), /^[0-9a-f]{16}$/);
  t.equal(key(['a', 'b']), key(['a', 'b']), 'the same inputs, the same image');
  t.not(key(['a', 'b']), key(['a', 'c']));
  t.end();
});

void t.test("modules and libraries are read from the tools' words", (t) => {
  const depends = 'insmod /lib/a.ko \ninsmod /lib/b.ko \nbuiltin c\ninsmod /lib/a.ko \n';
  t.strictSame(evaluated('initrd.mjs', 'it.modulesIn(args[0])', depends), ['/lib/a.ko', '/lib/b.ko']);
  const ldd = '\tlinux-vdso.so.1 (0x1)\n\tlibm.so.6 => /lib/libm.so.6 (0x2)\n\t/lib64/ld-linux-x86-64.so.2 (0x3)\n';
  t.strictSame(evaluated('node-runtime.mjs', 'it.librariesIn(args[0])', ldd), ['/lib/libm.so.6']);
  t.end();
});

void t.test('a command reaches the guest word by word, whatever is in it', (t) => {
  const words = ['printf', '%s|', "it's", '$HOME `id`', '', 'a;b'];
  const line = evaluated('ssh.mjs', 'it.remoteCommand(args[0], { cwd: "/", env: { X: "1 2" } })', words) as string;
  t.equal(execFileSync('sh', ['-c', line], { encoding: 'utf8' }), "it's|$HOME `id`||a;b|");
  const limited = evaluated('ssh.mjs', 'it.remoteCommand(["sleep", "60"], { cwd: "/", timeoutSeconds: 1 })') as string;
  t.equal(spawnSync('sh', ['-c', limited]).status, 124, 'a time limit is kept in the guest');
  t.end();
});

void t.test('whoever keeps a guest ends with it', (t) => {
  const directory = temporaryDirectory(t, 'keeper');
  const guest = join(directory, 'guests', 'some');
  mkdirSync(guest, { recursive: true });
  const keeper = pathToFileURL(join(CHECKOUT, 'scripts', 'vm', 'keeper.mjs')).href;
  const program = `const { keep, tell } = await import('${keeper}');
    const kept = keep({ directory: process.argv[1], remove: () => Promise.resolve() });
    await tell('some', 'down'); await kept;`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program, guest], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, SNAPCOMMIT_VM_DIRECTORY: directory },
  });
  t.equal(status, 0, stderr);
  t.end();
});

void t.test('the machine is the one that was asked for', (t) => {
  const image = { kernel: '/k', ramdisk: '/r', directory: '/', rootDisk: '/d', key: '/key', release: '6' };
  const disks = [{ name: 'root', file: '/x', format: 'qcow2', socket: '/s/root.nbd' }];
  const [network] = evaluated('network.mjs', 'it.seats(["alpha", "beta"], 20000)') as [Record<string, string>];
  const machine = { accelerator: 'tcg', image, memoryMiB: 512, disks, readOnlyDisks: { project: '/p' }, qmp: '/q' };
  const text = (more: object): string =>
    (evaluated('qemu.mjs', 'it.qemuArguments(args[0])', { ...machine, words: ['x=y'], ...more }) as string[]).join(' ');
  const alone = text({ network: null });
  t.match(alone, 'file=nbd:unix:/s/root.nbd,format=qcow2', 'a disk of its own is served by nbdkit');
  t.match(alone, 'file=/p,format=raw,if=none,id=project,readonly=on', 'the project cannot be written to');
  t.match(alone, 'restrict=on', 'the guest has no way out');
  t.notMatch(alone, 'mcast', 'nor a network that nobody asked for');
  t.match(text({ network }), `mcast=${String(network['group'])}`, 'one that was asked for is there');
  t.end();
});

void t.test('what the Vagrantfile names exists, and Vagrant finds no fault where it is installed', (t) => {
  const vagrantfile = readFileSync(join(CHECKOUT, 'vagrant', 'Vagrantfile'), 'utf8');
  const names = [...vagrantfile.matchAll(/#\{GUEST_FILES\}\/([\w-]+\.sh)/g)].map(([, name]) => name ?? '');
  t.strictSame([...names].sort(), ['install-node.sh', 'install-packages.sh', 'provision.sh']);
  for (const name of names) t.ok(existsSync(join(CHECKOUT, 'scripts', 'vm', 'guest', name)), name);
  const home = t.testdir();
  const options = {
    cwd: join(CHECKOUT, 'vagrant'),
    encoding: 'utf8',
    env: { ...process.env, HOME: home, VAGRANT_DOTFILE_PATH: join(home, '.vagrant') },
  } as const;
  const validated = spawnSync('vagrant', ['validate', '--ignore-provider'], options);
  t.ok(
    validated.error !== undefined || validated.status === 0,
    `vagrant validate: ${validated.stdout}${validated.stderr}`,
  );
  t.end();
});

void t.test('npm test runs nothing that needs a guest', (t) => {
  const list = (script: string): string[] =>
    execFileSync(process.execPath, [join(CHECKOUT, 'scripts', script), '--list'], { encoding: 'utf8' }).split('\n');
  t.strictSame(
    list('test.mjs').filter((name) => /^(zfs|vm)\//.test(name)),
    [],
  );
  t.ok(list('test-zfs.mjs').includes('outside  vm/power-loss.test.js'));
  t.end();
});
