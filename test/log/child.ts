/**
 * A process that uses a log, for the tests that count its syncs or kill it.
 *   child.js init DIRECTORY · child.js append DIRECTORY PREFIX COUNT [die] · child.js read DIRECTORY
 *   child.js large DIRECTORY PREFIX BYTES (the second of three appends is that large) · child.js generation DIRECTORY
 *   child.js checkpoint DIRECTORY · child.js fold DIRECTORY (what SQLite calls a checkpoint: all of the WAL is copied)
 * It prints one line for every answer, after the answer: what was printed was acknowledged.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { Sqlite } from '#src/adapters/store-sqlite/sqlite.js';
import { SnapcommitError } from '#src/errors.js';
import { initEmbeddedLog, openEmbeddedLog } from '#src/daemon/embedded-log.js';
import { clock, commitGeneration, identity, refusedOperation, volumeNamed } from './support.js';

const [verb = '', directory = '', prefix = '', count = '0', end = 'close'] = process.argv.slice(2);

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function append(): Promise<void> {
  const log = await openEmbeddedLog(directory, { clock });
  for (let n = 1; n <= Number(count); n += 1) {
    try {
      const result = await log.append(volumeNamed(`${prefix}${String(n)}`));
      say(result.status === 'chosen' ? `chosen ${String(result.slot)} ${prefix}${String(n)}` : result.status);
    } catch (error) {
      if (!(error instanceof SnapcommitError)) throw error;
      say(error.code);
    }
  }
  // Without closing, SQLite's WAL stays as it is and the next process has to recover from it.
  if (end === 'die') process.kill(process.pid, 'SIGKILL');
  log.close();
}

async function large(): Promise<void> {
  const log = await openEmbeddedLog(directory, { clock });
  const filling = { ...refusedOperation, group: 'x'.repeat(Number(count)) };
  for (const operation of [volumeNamed(`${prefix}1`), filling, volumeNamed(`${prefix}3`)]) {
    try {
      say((await log.append(operation)).status);
    } catch (error) {
      if (!(error instanceof SnapcommitError)) throw error;
      say(error.code);
    }
  }
  process.kill(process.pid, 'SIGKILL');
}

async function generation(): Promise<void> {
  const log = await openEmbeddedLog(directory, { clock });
  say(JSON.stringify(await commitGeneration(log)));
  log.close();
}

async function checkpoint(): Promise<void> {
  const log = await openEmbeddedLog(directory, { clock });
  await log.checkpoint();
  say('checkpointed');
  log.close();
}

function fold(): void {
  const database = new Sqlite(join(directory, 'log.sqlite'), { timeout: 60_000 });
  say(JSON.stringify(database.pragma('wal_checkpoint(FULL)')));
  database.close();
}

async function read(): Promise<void> {
  const log = await openEmbeddedLog(directory, { clock });
  const { applied, volumes } = await log.read();
  say(`${String(applied)} ${String(Object.keys(volumes).length)}`);
  log.close();
}

switch (verb) {
  case 'init':
    await initEmbeddedLog(directory, identity);
    break;
  case 'append':
    await append();
    break;
  case 'large':
    await large();
    break;
  case 'generation':
    await generation();
    break;
  case 'checkpoint':
    await checkpoint();
    break;
  case 'fold':
    fold();
    break;
  default:
    await read();
}
