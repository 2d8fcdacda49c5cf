/** What the scenario tests share: commands that stop themselves at a point, commands that wait for a file, quick settings. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { RunningCli } from './run-cli.js';
import { isStopped } from './power-loss.js';
import { until } from './until.js';
import type { World } from './world.js';

/** Waits for other processes' locks are short, so that a test that must see them end does not take minutes. */
export function makeImpatient(world: World, settings: Readonly<Record<string, number>> = {}): void {
  const config = { takeOverGraceMs: 500, lockWaitMs: 4000, ...settings };
  writeFileSync(join(world.stateDirectory, 'config.json'), JSON.stringify(config), { mode: 0o600 });
}

export interface StoppedCli extends RunningCli {
  /** Lets it go on. */
  resume(): void;
}

/** Starts a command that stops itself (SIGSTOP) at `point`; resolves when it stands there. It ends with the test. */
export async function startStopped(
  t: Test,
  world: World,
  args: readonly string[],
  point: string,
  under: readonly string[] = [],
): Promise<StoppedCli> {
  const running = startUntilEnd(t, world, args, { SNAPCOMMIT_STOP_AT: point }, under);
  const { child, done } = running;
  await until(`${args.join(' ')} stops at ${point}`, () => hasEnded(running) || isStopped(child.pid));
  if (hasEnded(running)) {
    const { status, stdout, stderr } = await done;
    throw new Error(`${args.join(' ')} did not pass ${point}: ${String(status)} ${stdout}${stderr}`);
  }
  return { child, done, resume: () => child.kill('SIGCONT') };
}

/** Starts a command; it is ended with the test at the latest. */
export function startUntilEnd(
  t: Test,
  world: World,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  under: readonly string[] = [],
): RunningCli {
  const running = world.start(args, { env, under });
  t.teardown(async () => {
    running.child.kill('SIGKILL');
    await running.done;
  });
  return running;
}

export function hasEnded({ child }: RunningCli): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** A shell script's way of waiting for us: it runs until `open()`; `arrived()` tells that it waits. */
export interface Gate {
  readonly script: string;
  arrived(): boolean;
  /** Whether the waiting shell has ended and been buried. */
  isGone(): boolean;
  open(): void;
}

let gates = 0;

export function makeGate(t: Test, world: World): Gate {
  gates += 1;
  const directory = join(world.directory, `gate-${String(gates)}`);
  const [here, go] = [join(directory, 'here'), join(directory, 'go')];
  mkdirSync(directory);
  const open = (): void => {
    writeFileSync(go, '');
  };
  t.teardown(open);
  return {
    // A gate that is gone is open.
    script: `echo $$ > ${here}.new; mv ${here}.new ${here}; while [ -d ${directory} ] && [ ! -e ${go} ]; do sleep 0.02; done`,
    arrived: () => exists(here),
    isGone: () => exists(here) && !exists(`/proc/${readFileSync(here, 'utf8').trim()}`),
    open,
  };
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Ends a command with SIGKILL where it passes `point`. */
export async function crash(world: World, args: readonly string[], point: string): Promise<void> {
  const result = await world.cli(args, { env: { SNAPCOMMIT_CRASH_AT: point } });
  if (result.signal === 'SIGKILL') return;
  throw new Error(`${args.join(' ')} did not pass ${point}: ${String(result.status)} ${result.stdout}${result.stderr}`);
}

/** `transact app` with a command that writes `marker` into every live tree. */
export function transactArgs(world: World, marker: string, ...options: readonly string[]): readonly string[] {
  const writes = world.volumes.map(({ live }) => `printf %s ${marker} > ${live}/marker`);
  return ['transact', 'app', ...options, '--', '/bin/sh', '-ec', writes.join('; ')];
}
