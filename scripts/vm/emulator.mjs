// Which QEMU runs guests: this machine's own with KVM. On an emulated processor every instruction is QEMU's work, and 10.0 does
// it in seven eighths of the time that bookworm's 7.2 takes; so there the one of bookworm-backports is unpacked beside the
// images, and nothing is installed. Where that cannot be had, the machine's own does it all, only slower.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from './places.mjs';
import { aptOptions, backportsSource, suite } from './sources.mjs';
import { say, tool } from './tools.mjs';

const OWN = 'qemu-system-x86_64';
/** The first version that is worth no other. */
const FAST_MAJOR = 10;
/** What a machine like ours needs of it; the libraries are those of the machine's own. */
const PACKAGES = ['qemu-system-common', 'qemu-system-data', 'qemu-system-x86', 'seabios'];

/** The command that starts guests. @param {'kvm' | 'tcg'} accelerator @returns {Promise<string>} */
export async function chooseQemu(accelerator) {
  if (accelerator === 'kvm' || majorOf(await tool(OWN, ['--version'])) >= FAST_MAJOR || !isBookworm()) return OWN;
  const directory = join(cacheDirectory(), `qemu-${suite}-backports`);
  const command = join(directory, 'usr/bin', OWN);
  try {
    if (!existsSync(directory)) await unpack(directory);
    await tool(command, ['--version']);
    return command;
  } catch (error) {
    say(
      `going on with this machine's own, slower QEMU, because the one of ${suite}-backports does not start: ${error.message}`,
    );
    return OWN;
  }
}

/** @param {string} said what `--version` prints @returns {number} the major version, 0 where none is told */
export function majorOf(said) {
  return Number(/^QEMU emulator version (\d+)\./.exec(said)?.[1] ?? 0);
}

/** The libraries of another release may be others than those that it was built with. */
function isBookworm() {
  return readFileSync('/etc/os-release', 'utf8').split('\n').includes(`VERSION_CODENAME=${suite}`);
}

/** Its packages as files below `directory`, which is there only when it is whole; the machine's apt does not hear of them. */
async function unpack(directory) {
  say(`unpacking the QEMU of ${suite}-backports: on an emulated processor it is faster than this machine's own`);
  const work = `${directory}.building-${String(process.pid)}`;
  mkdirSync(join(work, 'apt/lists/partial'), { recursive: true, mode: 0o700 });
  try {
    const list = join(work, 'apt/sources.list');
    writeFileSync(list, `${await backportsSource()}\n`);
    const options = [
      ...(await aptOptions()).map((option) => option.replace(/ "(.*)";$/, '=$1')),
      ...[
        `Dir::Etc::SourceList=${list}`,
        'Dir::Etc::SourceParts=/dev/null',
        `Dir::State::Lists=${join(work, 'apt/lists')}`,
      ],
      // What it downloads is in a directory that only root may enter.
      ...[`Dir::Cache=${join(work, 'apt/cache')}`, 'APT::Sandbox::User=root'],
    ].flatMap((option) => ['-o', option]);
    await tool('apt-get', ['-q', ...options, 'update']);
    const names = PACKAGES.map((name) => `${name}/${suite}-backports`);
    await tool('apt-get', ['-q', ...options, 'download', ...names], { cwd: join(work, 'apt') });
    for (const file of readdirSync(join(work, 'apt')).filter((name) => name.endsWith('.deb'))) {
      await tool('dpkg-deb', ['--extract', join(work, 'apt', file), work]);
    }
    rmSync(join(work, 'apt'), { recursive: true });
    renameSync(work, directory);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
