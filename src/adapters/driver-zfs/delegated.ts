/**
 * What `zfs allow` delegates on a dataset itself: it belongs to the dataset's place in the pool, which a promotion leaves alone
 * and a rename carries off, so whoever takes that place is given the same. There is no form of it for programs: this reads
 * what is printed for people, and leaves out what it could take for something else.
 */
import type { ZfsCommands } from './command.js';

/** The options that say where a permission holds: on the dataset itself, below it, or both. */
const REACH: Readonly<Record<string, readonly string[]>> = {
  'Local permissions:': ['-l'],
  'Descendent permissions:': ['-d'],
  'Local+Descendent permissions:': [],
};
const SETS = 'Permission sets:';
const CREATING = 'Create time permissions:';
/** Of a user or group. `zfs allow` takes a comma for two of them, and 010 and 0x8 for the number 8. */
const UNSAFE_NAME = /^[-+\s]|^0.|,/;

/**
 * Gives `to` what is delegated on `from`. What cannot be delegated (somebody who is not known any more, say) is left out: the
 * exchange is decided, and goes on.
 */
export async function delegateAlike(commands: ZfsCommands, from: string, to: string): Promise<void> {
  const { output, failure } = await commands.attempt(['allow', from]);
  if (failure !== null) return;
  for (const grant of grantsOn(from, output)) await commands.attempt(['allow', ...grant, to]);
}

/** The arguments of `zfs allow`, but for the dataset, one for each line of what it printed for this dataset. */
export function grantsOn(dataset: string, output: string): readonly (readonly string[])[] {
  const grants: (readonly string[])[] = [];
  let [isOfDataset, title] = [false, ''];
  for (const line of output.split('\n')) {
    const heading = /^---- Permissions on (.*?) -*$/.exec(line);
    if (heading !== null) isOfDataset = heading[1] === dataset;
    else if (!line.startsWith('\t')) title = line;
    else if (isOfDataset) {
      const grant = grantOf(title, line.slice(1));
      if (grant !== null) grants.push(grant);
    }
  }
  return grants;
}

function grantOf(title: string, line: string): readonly string[] | null {
  if (title === CREATING) return /^\S+$/.test(line) ? ['-c', line] : null;
  if (title === SETS) {
    const [, name, permissions] = /^(@\S+) (\S+)$/.exec(line) ?? [];
    return name === undefined || permissions === undefined ? null : ['-s', name, permissions];
  }
  const reach = REACH[title];
  const [, kind, name, permissions] = /^(user|group|everyone)(?: (.+))? (\S+)$/.exec(line) ?? [];
  if (reach === undefined || kind === undefined || permissions === undefined) return null;
  if (kind === 'everyone') return name === undefined ? [...reach, '-e', permissions] : null;
  if (name === undefined || UNSAFE_NAME.test(name)) return null;
  return [...reach, kind === 'user' ? '-u' : '-g', name, permissions];
}
