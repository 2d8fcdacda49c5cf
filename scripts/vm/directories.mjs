// One directory per running guest, below the cache: its disks, its console's log and its sockets. It belongs to the process
// that is named in it, and is anybody's to remove once that process is gone.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from './places.mjs';
import { RigError } from './tools.mjs';

/** In the directory while commands can be run: how (see ./ssh.mjs, Door). */
export const DOOR = 'door.json';
const OWNER = 'owner';
/** Nobody takes longer from making a directory to naming its owner. */
const CLAIMING_MS = 60_000;

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
  try {
    return readFileSync(join(directory, OWNER), 'utf8');
  } catch (error) {
    // Somebody else is removing it, was killed while doing so, or is just claiming it.
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

function removeIfAbandoned(directory) {
  const owner = ownerOf(directory);
  const isAbandoned = owner === '' ? isOld(directory) : !existsSync(`/proc/${owner}`);
  if (isAbandoned) rmSync(directory, { recursive: true, force: true });
}

function isOld(directory) {
  const status = statSync(directory, { throwIfNoEntry: false });
  return status !== undefined && Date.now() - status.mtimeMs > CLAIMING_MS;
}
