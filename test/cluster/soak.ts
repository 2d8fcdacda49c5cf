/**
 * A cluster of real daemons under faults, with clients whose history is checked. Everything that is made (processes,
 * namespaces, disks) is gone when it ends, however it ends.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '#src/adapters/clock-system.js';
import { openRemoteLog } from '#src/daemon/local-api/remote-log.js';
import type { LogIdentity } from '#src/ports/log.js';
import { checkLinearizable, type Verdict } from '../support/linearizability/check.js';
import { registersModel } from '../support/linearizability/models.js';
import { Scope } from '../support/scope.js';
import { Dice } from '../simulation/random.js';
import { Client, groupRecord, VOLUME, type ClusterEvent } from './clients.js';
import { wreak } from './faults.js';
import { found } from './found.js';
import { makeMachines } from './machines.js';
import type { Member } from './member.js';
import type { Network } from './network.js';

export interface SoakOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly members: 3 | 5;
  readonly clients: number;
}

export interface SoakReport {
  readonly verdict: Verdict;
  /** How often each fault fired. */
  readonly faults: ReadonlyMap<string, number>;
  readonly outcomes: Readonly<Record<'ok' | 'fail' | 'unknown', number>>;
  /** After everything was healed: whether every member served, with the same decided slot. */
  readonly converged: boolean;
}

const REGISTERS = Array.from({ length: 4 }, (_, n) => `register${String(n)}`);
const FLAGS = Array.from({ length: 3 }, (_, n) => `flag${String(n)}`);

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const scope = new Scope();
  try {
    const { directory, network, members } = makeMachines(scope, options.members);
    await found(members, directory);
    const identities = await Promise.all(members.map(identityOf));
    return await run(options, network, members, identities);
  } finally {
    await scope.end();
  }
}

async function identityOf(member: Member): Promise<LogIdentity> {
  const { cluster, node, incarnation } = (await member.ask('cluster', 'status')) as LogIdentity;
  return { cluster, node, incarnation };
}

async function run(
  { seed, seconds, clients }: SoakOptions,
  network: Network,
  members: readonly Member[],
  identities: readonly LogIdentity[],
): Promise<SoakReport> {
  await makeRegisters(members, identities);
  const history: ClusterEvent[] = [];
  const stop = new AbortController();
  const all = Array.from({ length: clients }, (_, n) => {
    const member = members[n % members.length];
    const identity = identities[n % members.length];
    if (member === undefined || identity === undefined) throw new Error('there is a member for each client');
    return new Client(`client ${String(n)}`, member, identity, history, randomFrom(seed + 1 + n));
  });
  const working = Promise.all(all.map(async (client) => client.run(REGISTERS, FLAGS, stop.signal)));
  const harm = wreak({ members, network, below: randomFrom(seed) }, stop.signal);
  await Promise.race([sleep(seconds * 1_000), working, harm]);
  stop.abort();
  const faults = await harm;
  await working;
  const verdict = checkLinearizable(registersModel(0), history);
  return { verdict, faults, outcomes: outcomesOf(history), converged: await converges(members) };
}

async function makeRegisters(members: readonly Member[], identities: readonly LogIdentity[]): Promise<void> {
  const [member] = members;
  const [identity] = identities;
  if (member === undefined || identity === undefined) return;
  const { stateDirectory } = member;
  const log = await openRemoteLog({ stateDirectory, identity, clock: systemClock, timeoutMs: 10_000, endsAtMs: null });
  await log.append({ type: 'addVolume', volume: VOLUME });
  for (const name of REGISTERS) await log.append({ type: 'createGroup', group: groupRecord(name, 0) });
  log.close();
}

/** With nothing wrong any more, everybody comes to decide the same. */
async function converges(members: readonly Member[]): Promise<boolean> {
  for (let left = 40; left > 0; left -= 1) {
    const slots = await Promise.all(members.map(decidedSlot));
    if (slots[0] !== null && slots.every((slot) => slot === slots[0])) return true;
    await sleep(500);
  }
  return false;
}

async function decidedSlot(member: Member): Promise<number | null> {
  try {
    return ((await member.ask('--timeout', '5s', 'cluster', 'status')) as { decidedSlot: number }).decidedSlot;
  } catch {
    // It may not serve yet: asked again.
    return null;
  }
}

function outcomesOf(history: readonly ClusterEvent[]): SoakReport['outcomes'] {
  const count = (kind: ClusterEvent['kind']): number => history.filter((event) => event.kind === kind).length;
  return { ok: count('ok'), fail: count('fail'), unknown: count('unknown') };
}

function randomFrom(seed: number): (bound: number) => number {
  const dice = new Dice(seed);
  return (bound) => dice.below(bound);
}

export function describeSoak({ verdict, faults, outcomes, converged }: SoakReport): string {
  const fired = [...faults].map(([name, count]) => `${name} ${String(count)}`).join(', ');
  const { ok, fail, unknown } = outcomes;
  return [
    `${String(verdict.operations)} operations checked in ${String(verdict.configurations)} configurations: ${verdict.kind}`,
    `answered ${String(ok)}, surely not done ${String(fail)}, unknown ${String(unknown)}`,
    `faults: ${fired}`,
    converged ? 'healed, all members decide the same' : 'healed, yet the members do not come to decide the same',
    ...(verdict.explanation === null ? [] : [verdict.explanation]),
  ].join('\n');
}
