// Which Debian a guest is made of: the host's own mirror and suites, as its apt knows them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { guestFiles } from './places.mjs';
import { RigError, tool } from './tools.mjs';

/** The release of the guests: the modules at hand, the tools and the units are made for it. */
export const suite = 'bookworm';
const BACKPORTS = `${suite}-backports`;
const COMPONENTS = 'main contrib';

/** apt's sources for a guest, one line each, from the host's apt. @param {import('./openzfs.mjs').OpenZfs} openzfs */
export async function guestSources({ backport }) {
  const sources = await ownSources();
  return backport ? withBackports(sources) : sources;
}

/** The line of a sources.list for the suite's backports. */
export async function backportsSource() {
  return withBackports(await ownSources()).find((line) => line.includes(` ${BACKPORTS} `));
}

async function ownSources() {
  const format = '$(ORIGIN)|$(REPO_URI)|$(RELEASE)';
  const sources = sourcesFrom(await tool('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']));
  if (sources.some((line) => line.includes(` ${suite} `))) return sources;
  throw new RigError(
    `this machine's apt knows no mirror with Debian ${suite}: add one to /etc/apt/sources.list and run apt-get update`,
  );
}

/** @param {string} targets lines of origin|mirror|suite @returns {string[]} lines of a sources.list */
export function sourcesFrom(targets) {
  const lines = targets.split('\n').flatMap((target) => {
    const [origin, mirror, release] = target.split('|');
    const fits = origin === 'Debian' && (release === suite || release.startsWith(`${suite}-`));
    return fits ? [`deb ${mirror.replace(/\/$/, '')} ${release} ${COMPONENTS}`] : [];
  });
  // debootstrap begins with the suite itself.
  return [...new Set(lines)].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

/** The mirror that has the suite itself has its backports, which this machine's own apt need not know. */
export function withBackports(sources) {
  if (sources.some((line) => line.includes(` ${BACKPORTS} `))) return sources;
  const own = sources.find((line) => line.includes(` ${suite} `));
  return own === undefined ? sources : [...sources, own.replace(` ${suite} `, ` ${BACKPORTS} `)];
}

/** How the host's apt reaches its mirror (a proxy, a clock that is off): the guest's must do the same. */
export async function aptOptions() {
  const dump = await tool('apt-config', ['dump', 'Acquire']);
  return dump.split('\n').filter((line) => /^Acquire::(Check-|Retries|https?::)[\w:-]* ".+";$/.test(line));
}

/** The package names of the lists guest/packages-NAME. */
export function packagesOf(...lists) {
  return lists.flatMap((list) =>
    readFileSync(join(guestFiles, `packages-${list}`), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
}
