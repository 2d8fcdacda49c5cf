// What is compared, and what each number must come to.
import { load, median } from './load.mjs';

/**
 * Loads by turns, so that what else the machine does falls on both. Before the first, each engine takes appends of 64
 * clients for a while: what is compared is how they run, not how they start (a daemon of ours, and the client of both, are
 * interpreted at first and compiled as they run).
 */
export async function compareLoads(clusters, { clients: counts, rounds, seconds, warmUpSeconds }) {
  const rows = [];
  for (const cluster of warmUpSeconds > 0 ? clusters : []) {
    await cluster.ready();
    await load((number) => cluster.append(number), 64, warmUpSeconds);
  }
  print(`loads: ${String(rounds)} × ${String(seconds)} s each, after ${String(warmUpSeconds)} s of warming up`);
  for (const clients of counts) {
    const runs = new Map(clusters.map((cluster) => [cluster.engine, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (const cluster of clusters) {
        await cluster.ready();
        runs.get(cluster.engine).push(await load((number) => cluster.append(number), clients, seconds));
      }
    }
    const row = { clients };
    for (const [engine, all] of runs) {
      row[engine] = Object.fromEntries(
        ['perSecond', 'p50Ms', 'p99Ms'].map((name) => [name, median(all.map((run) => run[name]))]),
      );
    }
    rows.push(row);
    print(loadLine(row));
  }
  return rows.every(({ clients, etcd, snapcommit }) => meetsGoal(clients, etcd, snapcommit));
}

function loadLine({ clients, ...engines }) {
  const figures = Object.entries(engines).map(([engine, { perSecond, p50Ms, p99Ms }]) => {
    const latency = `p50 ${p50Ms.toFixed(2).padStart(7)} ms  p99 ${p99Ms.toFixed(2).padStart(7)} ms`;
    return `${engine} ${perSecond.toFixed(0).padStart(6)}/s  ${latency}`;
  });
  const { etcd, 'etcd-plain': plain, snapcommit } = engines;
  const ratios = snapcommit
    ? [etcd, plain].filter(Boolean).map(({ perSecond }) => snapcommit.perSecond / perSecond)
    : [];
  const ratio = ratios.length > 0 ? `  ×${ratios.map((one) => one.toFixed(2)).join(' ×')}` : '';
  const goal = etcd && snapcommit ? (meetsGoal(clients, etcd, snapcommit) ? '  ok' : '  GOAL MISSED') : '';
  return `${String(clients).padStart(4)} clients  ${figures.join('  ')}${ratio}${goal}`;
}

/** Twice etcd's throughput at 64 and 256 clients; no worse latency at 1. */
function meetsGoal(clients, etcd, snapcommit) {
  if (etcd === undefined || snapcommit === undefined) return true;
  if (clients === 1) return snapcommit.p50Ms <= etcd.p50Ms && snapcommit.p99Ms <= etcd.p99Ms;
  return clients < 64 || snapcommit.perSecond >= 2 * etcd.perSecond;
}

const FAILOVER_GOAL_MS = 2_000;

/** From SIGKILL of the leader to the next acknowledged append. */
export async function compareFailovers(clusters, { failovers }) {
  let met = true;
  for (const cluster of clusters) {
    const times = [];
    for (let n = 0; n < failovers; n += 1) times.push(await cluster.failover());
    const middle = median(times);
    const missed = cluster.engine === 'snapcommit' && middle >= FAILOVER_GOAL_MS;
    met &&= !missed;
    const all = times.map((time) => time.toFixed(0)).join(', ');
    print(
      `failover  ${cluster.engine.padEnd(10)} median ${middle.toFixed(0)} ms (${all})${missed ? '  GOAL MISSED' : ''}`,
    );
  }
  return met;
}

const MILLION = 1_000_000;
const OPENING_GOAL_MS = 1_000;
const MEMORY_GOAL_MB = 200;

/** Fills the log, then starts a member anew: how long until it serves, and what its process holds. */
export async function openMillion(clusters) {
  const ours = clusters.find(({ engine }) => engine === 'snapcommit');
  if (ours === undefined) return true;
  const { openMs, memoryMb, entries } = await ours.openAfter(MILLION);
  const met = openMs < OPENING_GOAL_MS && memoryMb < MEMORY_GOAL_MB;
  const figures = `opened in ${openMs.toFixed(0)} ms, ${memoryMb.toFixed(0)} MB`;
  print(`${entries.toLocaleString('en')} entries  snapcommit  ${figures}${met ? '' : '  GOAL MISSED'}`);
  return met;
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
