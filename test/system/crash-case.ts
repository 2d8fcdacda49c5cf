/**
 * One fault at one effect of one command: the command runs, the fault happens at that boundary, everything comes back, and
 * by itself the system must find to a state in which nothing is left over and the next command works.
 */
import type { Violation } from '../simulation/history.js';
import { commitWork, restoreWork, transactWork, type CommandWork } from './commands.js';
import type { Machine } from './machine.js';
import type { Moment, SimProcess } from './sim-process.js';
import { SystemWorld } from './system-world.js';
import type { Command } from './world-options.js';
import { leftovers } from './tidiness.js';

export type Fault =
  /** SIGKILL of the command, or of a machine's daemon (`null`: whoever leads the log). */
  | { readonly kind: 'kill'; readonly whom: 'command' | 'daemon'; readonly node: string | null }
  | { readonly kind: 'power'; readonly node: string | null }
  | {
      readonly kind: 'pause';
      readonly whom: 'command' | 'daemon';
      readonly node: string | null;
      readonly forMs: number;
    };

export interface CaseOptions {
  readonly seed: number;
  readonly nodes: readonly string[];
  readonly volumes: readonly string[];
  readonly hooks: boolean;
  readonly writes: boolean;
  /** Where the command runs. */
  readonly on: string;
  readonly errand: 'commit' | 'transact' | 'restore';
  /** At which boundary, counted from 1; null: no fault. */
  readonly at: number | null;
  readonly fault: Fault | null;
  /** One more, so many boundaries later: while whoever is left cleans up. */
  readonly second: { readonly after: number; readonly fault: Fault } | null;
  readonly traced: boolean;
}

export interface CaseResult {
  readonly violation: Violation | null;
  /** How many boundaries the command had. */
  readonly boundaries: number;
  /** What stood at the fault's boundary. */
  readonly place: string;
  readonly hash: string;
  readonly trace: readonly string[];
}

const RESTART_MS = 150;
const POWER_MS = 400;
const ENDS_WITHIN_MS = 20_000;
const TIDY_WITHIN_MS = 30_000;
const LOOK_MS = 100;
/** For so long it must stay tidy: the daemon of a command that was killed may still hand on what that one has asked for. */
const TIDY_FOR_MS = 1000;

export async function runCase(options: CaseOptions): Promise<CaseResult> {
  const world = new SystemWorld(options);
  let boundaries = 0;
  let ofCommand = 0;
  let place = '';
  const result = (): CaseResult => ({
    violation: world.violation,
    boundaries: ofCommand,
    place,
    hash: world.trace.hash,
    trace: world.trace.lines,
  });
  await world.begin();
  if (!(await runToEnd(world, options.on, 'first', commitWork('first')))) return result();
  const command = world.run(world.machine(options.on), 'command', workOf(options.errand));
  world.onBoundary = (process, what, moment) => {
    if (isPassive(what, moment)) return;
    boundaries += 1;
    if (command.ending() === null) ofCommand = boundaries;
    const fault = faultAt(options, boundaries);
    if (fault === null) return;
    place += `${place === '' ? '' : ', then '}${moment} ${what} of ${process.identity.node} ${process.name}`;
    inflict(world, command, fault);
  };
  await world.until(() => command.ending() !== null, ENDS_WITHIN_MS, 'end of the command');
  if (world.violation === null) await settle(world, options.on);
  if (world.violation === null)
    world.judging(() => {
      const ending = command.ending();
      if (ending !== null) world.judge.assertTrue('command', ending);
    });
  return result();
}

function faultAt({ at, fault, second }: CaseOptions, boundary: number): Fault | null {
  if (at === null) return null;
  if (boundary === at) return fault;
  return second !== null && boundary === at + second.after ? second.fault : null;
}

function workOf(errand: CaseOptions['errand']): CommandWork {
  if (errand === 'transact') return transactWork('command');
  return errand === 'restore' ? restoreWork('command', 1) : commitWork('command');
}

/** Looking changes nothing: a fault there is one at the boundary after it. */
const LOOKS =
  /^log\.(read|generation|generations|status)$|^files\.(readLink|readText|listNames)$|^driver\.(live|lookup|list|poolOf|openStage|freeSpace|inspect|changedSince|verifyContent|doubts)$|^freezer\.(resolve|intents)$|^hooks\.check$|^sandbox\.(probe|leftovers)$|^treeUsers/;

function isPassive(what: string, moment: Moment): boolean {
  return moment === 'after' && LOOKS.test(what);
}

export async function runToEnd(world: SystemWorld, on: string, name: string, work: CommandWork): Promise<boolean> {
  const command = world.run(world.machine(on), name, work);
  await world.until(() => command.ending() !== null, ENDS_WITHIN_MS, `end of ${name}`);
  const ending = command.ending();
  if (ending?.kind === 'failed') world.fail('liveness', `${name}: ${String(ending.error)}`);
  return world.violation === null;
}

export function inflict(world: SystemWorld, command: Command | null, fault: Fault): void {
  const ofCommand = fault.kind !== 'power' && fault.whom === 'command';
  const named = fault.node === null ? world.leader() : world.machine(fault.node);
  const machine = ofCommand ? (command?.machine ?? null) : named;
  if (machine === null) return;
  if (fault.kind === 'power') {
    if (machine.isUp) world.losePower(machine, POWER_MS);
    return;
  }
  const process = ofCommand ? command?.process : machine.daemon?.process;
  if (process === undefined) return;
  if (fault.kind === 'kill') kill(world, machine, process);
  else pause(world, process, fault.forMs);
}

function kill(world: SystemWorld, machine: Machine, process: SimProcess): void {
  world.kill(machine, process);
  world.scheduler.after(RESTART_MS, () => {
    world.do(() => machine.startDaemon());
  });
}

function pause(world: SystemWorld, process: SimProcess, forMs: number): void {
  world.note(process.identity.node, `${process.name} is stopped`);
  process.running.paused = true;
  world.scheduler.after(forMs, () => {
    world.note(process.identity.node, `${process.name} goes on`);
    process.running.resume();
  });
}

/** Nobody does anything: the daemons alone take away what is left, and the next command works. */
export async function settle(world: SystemWorld, on: string): Promise<void> {
  if (!(await becomeTidy(world, 'after the fault'))) return;
  world.onBoundary = () => undefined;
  if (!(await runToEnd(world, on, 'last', commitWork('last')))) return;
  await becomeTidy(world, 'after the last commit');
}

export async function becomeTidy(world: SystemWorld, when: string): Promise<boolean> {
  const until = world.scheduler.now + TIDY_WITHIN_MS;
  let tidySince = world.scheduler.now;
  while (world.violation === null && world.scheduler.now - tidySince < TIDY_FOR_MS) {
    await world.pass(LOOK_MS);
    const found = left(world);
    if (found.length > 0) tidySince = world.scheduler.now;
    if (found.length > 0 && world.scheduler.now > until) world.fail('orphans', `${when}: ${found.join('; ')}`);
  }
  return world.violation === null;
}

function left(world: SystemWorld): readonly string[] {
  const state = world.state();
  if (state === null) return ['nobody leads'];
  return [...world.machines.values()].flatMap((machine) => {
    if (!machine.isUp || machine.daemon === null) return [`${machine.name} is down`];
    const behind = machine.daemon.host.staleState().applied < state.applied;
    return [...(behind ? [`${machine.name} is behind`] : []), ...leftovers(machine, world.volumes, state)];
  });
}
