/**
 * One commit under one blow: it stops itself at a point of its path, the blow falls, and it goes on. Then somebody who is
 * still there must finish it, and what was answered must be so.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openNode } from '#src/index.js';
import type { CliResult } from '../support/run-cli.js';
import { until } from '../support/until.js';
import { problemsAfterRecovery, publishedOn } from './check-fleet.js';
import type { Fleet } from './fleet.js';
import type { Host } from './host.js';

export const COMMIT = ['commit', 'app', '--require', 'barrier'] as const;

export interface Blow {
  readonly name: string;
  /** Whom it hits. */
  victim(fleet: Fleet, coordinator: Host): Promise<Host>;
  /** Does its harm; answers what takes it back. */
  fall(fleet: Fleet, victim: Host): Promise<() => Promise<void>>;
}

async function killed(_: Fleet, victim: Host): Promise<() => Promise<void>> {
  await victim.kill();
  return async () => victim.restart();
}

/** Only what was started on it, not its daemon. */
async function abandoned(_: Fleet, victim: Host): Promise<() => Promise<void>> {
  await victim.member.killCommands();
  return async () => undefined;
}

async function paused(_: Fleet, victim: Host): Promise<() => Promise<void>> {
  victim.member.pause();
  return async () => {
    victim.member.resume();
  };
}

async function cutOff(fleet: Fleet, victim: Host): Promise<() => Promise<void>> {
  fleet.isolate(victim);
  return async () => {
    fleet.heal();
  };
}

/** Somebody else than the coordinator; another one than the log's leader where there is one. */
async function bystander(fleet: Fleet, coordinator: Host): Promise<Host> {
  const leader = await fleet.leader(coordinator);
  return fleet.others(coordinator).find((host) => host !== leader) ?? coordinator;
}

const itself = async (_: Fleet, coordinator: Host): Promise<Host> => coordinator;
const leader = async (fleet: Fleet, coordinator: Host): Promise<Host> => fleet.leader(coordinator);

/** What may happen to a machine while a commit runs. A machine's death is its commands' and its daemon's. */
export const BLOWS: readonly Blow[] = [
  { name: 'the coordinator’s machine dies', victim: itself, fall: killed },
  { name: 'the coordinator’s command dies', victim: itself, fall: abandoned },
  { name: 'a participant’s daemon dies', victim: bystander, fall: killed },
  { name: 'the log’s leader dies', victim: leader, fall: killed },
  { name: 'the coordinator’s daemon is stopped', victim: itself, fall: paused },
  { name: 'a participant’s daemon is stopped', victim: bystander, fall: paused },
  { name: 'the log’s leader’s daemon is stopped', victim: leader, fall: paused },
  { name: 'the coordinator is cut off', victim: itself, fall: cutOff },
  { name: 'a participant is cut off', victim: bystander, fall: cutOff },
  { name: 'the log’s leader is cut off', victim: leader, fall: cutOff },
];

/** The points that a commit of this host passes, in their order, as `POINT#COUNT`. */
export async function pointsOf(fleet: Fleet, coordinator: Host): Promise<readonly string[]> {
  const trace = join(fleet.directory, `trace-${coordinator.node}`);
  const { status, stdout, stderr } = await coordinator.cli(COMMIT, { SNAPCOMMIT_CRASH_TRACE: trace });
  if (status !== 0) throw new Error(`a commit failed: ${String(status)} ${stdout}${stderr}`);
  return readFileSync(trace, 'utf8').trim().split('\n');
}

/** What is wrong afterwards, one sentence each. */
export async function commitUnder(
  fleet: Fleet,
  coordinator: Host,
  point: string,
  blow: Blow,
  writers: boolean,
): Promise<readonly string[]> {
  await fleet.together();
  const before = newestOn(fleet);
  const victim = await blow.victim(fleet, coordinator);
  const running = await coordinator.startStopped(COMMIT, point);
  const undo = await blow.fall(fleet, victim);
  running.child.kill('SIGCONT');
  const survivor = fleet.others(victim)[0] ?? victim;
  const stuck = await finishedWithout(fleet, survivor);
  await undo();
  const result = await running.done;
  return [
    ...stuck,
    ...(await problemsAfterRecovery(fleet, { writers }, survivor)),
    ...verdict(result, newestOn(fleet) - before),
  ];
}

/** One commit, in which `victim`'s daemon ends itself at a point of its own path. */
export async function commitCrashing(
  fleet: Fleet,
  coordinator: Host,
  victim: Host,
  point: string,
  writers: boolean,
): Promise<readonly string[]> {
  await victim.kill();
  await victim.restart({ SNAPCOMMIT_CRASH_AT: point });
  await fleet.together();
  const before = newestOn(fleet);
  const running = coordinator.start(COMMIT);
  await until(`the daemon of ${victim.node} passes ${point}`, () => !victim.member.isRunning);
  const survivor = fleet.others(victim)[0] ?? victim;
  const stuck = await finishedWithout(fleet, survivor);
  await victim.restart();
  const result = await running.done;
  return [
    ...stuck,
    ...(await problemsAfterRecovery(fleet, { writers }, survivor)),
    ...verdict(result, newestOn(fleet) - before),
  ];
}

/** Before what was harmed comes back: the writers run everywhere, and the transaction is decided. */
async function finishedWithout(fleet: Fleet, survivor: Host): Promise<readonly string[]> {
  const problems: string[] = [];
  const wait = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
    await until(what, condition).catch((error: unknown) => problems.push(String(error)));
  };
  for (const { node, cgroup } of fleet.hosts) await wait(`the writers on ${node} run`, () => !cgroup.requested());
  await wait('the transaction is decided without who was harmed', async () => !(await isOpen(survivor)));
  return problems;
}

async function isOpen({ stateDirectory }: Host): Promise<boolean> {
  const node = await openNode({ stateDirectory });
  try {
    const { groups } = await node.status();
    return groups.some(({ group, open }) => group === 'app' && open !== null);
  } finally {
    node.close();
  }
}

function newestOn(fleet: Fleet): number {
  return Math.max(0, ...publishedOn(fleet.host(0).volumes[0]?.publish ?? ''));
}

/** What was answered is so. */
function verdict({ status, signal, stdout, stderr }: CliResult, made: number): readonly string[] {
  const said = `it answered ${String(status ?? signal)} (${stdout.trim()} ${stderr.trim()})`;
  if (made > 1 || made < 0) return [`${String(made)} generations came of one commit; ${said}`];
  if (status === 0 || status === 9) return made === 1 ? [] : [`there is no generation, yet ${said}`];
  if (status === 7 || signal === 'SIGKILL') return [];
  if (status === 5 || status === 6 || status === 4) return made === 0 ? [] : [`there is a generation, yet ${said}`];
  return [said];
}
