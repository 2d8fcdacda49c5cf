// status and open with 10,000 generations in the log against the same with one. The generations are put into the log
// alone (their volumes are not there), as their commits would have been.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/files.mjs';
import { measureInTurn } from './commands.mjs';
import { cli, snapcommit, tool } from './lab.mjs';

const MANY = 10_000;

export async function measureHistory(lab, rounds) {
  const [few, many] = await Promise.all([1, MANY].map(async (count) => makeHistory(lab, count)));
  const ways = {};
  for (const [name, state] of [
    ['few', few],
    ['many', many],
  ]) {
    ways[`status ${name}`] = () => tool(process.execPath, cli, '--state-dir', state, 'status');
    ways[`open ${name}`] = () => tool(process.execPath, cli, '--state-dir', state, 'open', 'app');
  }
  const times = measureInTurn(ways, rounds);
  return ['status', 'open'].map((command) => {
    const [one, other] = [times[`${command} few`], times[`${command} many`]];
    return {
      what: `${command} with ${String(MANY)} generations`,
      measured: `${other.toFixed(1)} ms`,
      against: `with 1: ${one.toFixed(1)} ms`,
      ratio: other / one,
      goal: 'at most 1.1',
      reached: other / one <= 1.1,
    };
  });
}

async function makeHistory(lab, count) {
  const state = join(lab.directory, `history-${String(count)}`);
  const source = join(lab.directory, `history-sources-${String(count)}`, 'source');
  mkdirSync(source, { recursive: true });
  snapcommit(state, 'init', '--node', 'bench');
  snapcommit(state, 'volume', 'add', 'v', '--source', source, '--driver', 'directory');
  snapcommit(state, 'group', 'create', 'app', '--volume', 'v');
  const { openLogOn } = await import(join(root, 'dist', 'log', 'embedded.js'));
  const { openStore } = await import(join(root, 'dist', 'adapters', 'store-sqlite', 'index.js'));
  const log = openLogOn(openStore(join(state, 'log', 'log.sqlite')), {
    clock: { now: Date.now, monotonic: () => performance.now() },
  });
  for (let done = 0; done < count; done += 1) await commitInLog(log, done);
  log.close();
  return state;
}

async function commitInLog(log, number) {
  const transaction = String(number).padStart(26, '0');
  const member = { volume: 'v', node: 'bench', driver: 'directory', base: '1:1' };
  const coordinator = { node: 'bench', bootId: 'bench', pid: 1, startTime: 1 };
  const begun = await log.append({
    type: 'begin',
    transaction,
    mode: 'capture',
    group: 'app',
    members: [member],
    freezeTargets: [],
    coordinator,
    deadline: Date.now() + 60_000,
    expectGeneration: null,
    sourceGeneration: null,
    message: `number ${String(number)}`,
    labels: {},
  });
  const epoch = { incarnation: log.identity.incarnation, slot: begun.slot };
  const manifest = {
    consistency: { grade: 'fuzzy', stallMs: 0, skewMs: 0, frozen: [] },
    volumes: [
      {
        volume: 'v',
        node: 'bench',
        driver: 'directory',
        staged: `.staged-${transaction}`,
        id: `id-${transaction}`,
        swap: null,
      },
    ],
  };
  const results = await Promise.all([
    log.append({ type: 'commit', transaction, epoch, manifest }),
    log.append({ type: 'published', group: 'app', generation: number + 1, node: 'bench' }),
  ]);
  const refused = [begun, ...results].find((result) => result.status !== 'chosen' || !result.outcome.ok);
  if (refused !== undefined) throw new Error(`the log refused an entry: ${JSON.stringify(refused)}`);
}
