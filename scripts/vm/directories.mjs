// One directory per running guest, below the cache: its disks, its console's log and its sockets. It belongs to the process
// that is named in it, and is anybody's to remove once that process is gone.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from './places.mjs';
import { RigError } from './tools.mjs';

/** In the directory while commands can be run: how (see ./ssh.mjs, Door). */
export const DOOR = 'door.json';
const OWNER = 'owner';

const guestsDirectory = () => join(cacheDirectory(), 'guests');

/** A directory for a guest of ours: of that name, or of one of its own. */
export function claimDirectory(name) {
  const guests = guestsDirectory();
  mkdirSync(guests, { recursive: true, mode: 0o700 });
  for (const other of readdirSync(guests)) removeIfAbandoned(join(guests, other));
  const directory = name === undefined ? mkdtempSync(join(guests, 'guest-')) : join(guests, name);
  if (name !== undefined) {
    if (existsSync(directory)) throw new RigError(`a guest ${name} is running (process ${ownerOf(directory)})`);
    mkdirSync(directory, { mode: 0o700 });
  }
  writeFileSync(join(directory, OWNER), String(process.pid));
  return directory;
}

/** The directory of somebody's running guest. */
export function directoryOf(name) {
  const directory = join(guestsDirectory(), name);
  if (existsSync(directory)) return directory;
  throw new RigError(`no guest ${name} is running: start it with "node scripts/vm.mjs up ${name}"`);
}

/** @returns {import('./ssh.mjs').Door} the way into somebody's running guest */
export function doorOf(name) {
  const file = join(directoryOf(name), DOOR);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  throw new RigError(
    `the guest ${name} is off or still booting: its console is ${join(directoryOf(name), 'console.log')}`,
  );
}

function ownerOf(directory) {
  const file = join(directory, OWNER);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function removeIfAbandoned(directory) {
  const owner = ownerOf(directory);
  if (owner !== '' && !existsSync(`/proc/${owner}`)) rmSync(directory, { recursive: true, force: true });
}
