/** What coordinator and participant work with in a simulated process: the ports of its machine, every call an effect. */
import { SnapcommitError } from '#src/errors.js';
import type { ProcessIdentity } from '#src/machine/entry.js';
import type { Context, Settings } from '#src/participant/context.js';
import { DEFAULT_SETTINGS } from '#src/participant/settings.js';
import type { CommandRunner, HookContext, Hooks } from '#src/ports/commands.js';
import type { ReplicatedLog } from '#src/ports/log.js';
import type { Sandbox, SandboxRequest } from '#src/ports/sandbox.js';
import type { VolumeDriver } from '#src/ports/volume-driver.js';
import type { Dice } from '../simulation/random.js';
import type { Scheduler } from '../simulation/scheduler.js';
import { STATE_DIRECTORY, type Machine } from './machine.js';
import type { SimProcess } from './sim-process.js';

/** Short, so that a short run reaches them. */
export const SETTINGS: Settings = {
  ...DEFAULT_SETTINGS,
  freeFloorBytes: 1,
  lockWaitMs: 3000,
  takeOverGraceMs: 300,
};

export interface ContextUser {
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  driver(machine: Machine): VolumeDriver;
  hookRan(machine: Machine, file: string, context: HookContext): void;
  /** Runs a user's command on its clones. */
  runCommand(machine: Machine, request: SandboxRequest): number;
  reported(self: ProcessIdentity, message: string): void;
}

export function contextOf(
  machine: Machine,
  process: SimProcess,
  log: ReplicatedLog,
  user: ContextUser,
): Omit<Context, 'participant'> {
  const driver = driverOf(process, user.driver(machine));
  const writers = machine.freezer.writersOf(process);
  const locks = machine.kernel.locksOf(process);
  const hooks = process.asEffects('hooks', hooksOf(machine, user));
  const runner = process.asEffects('runner', runnerOf());
  const sandbox = process.asEffects('sandbox', sandboxOf(machine, user));
  const treeUsers = process.asEffects('treeUsers', { find: async () => [] });
  return {
    stateDirectory: STATE_DIRECTORY,
    log,
    files: process.asEffects('files', machine.files),
    clock: {
      now: () => 1_700_000_000_000 + Math.floor(user.scheduler.now) + machine.sim.clockMs,
      monotonic: () => user.scheduler.now,
    },
    timers: { after: (ms, action) => process.after(ms, action) },
    random: { bytes: (count) => Uint8Array.from({ length: count }, () => user.dice.below(256)) },
    settings: SETTINGS,
    self: process.identity,
    driver: async () => driver,
    writers: async () => writers,
    locks: async () => locks,
    runner: async () => runner,
    hooks: async () => hooks,
    sandbox: async () => sandbox,
    treeUsers: async () => treeUsers,
    report: (progress) => {
      const text = progress.kind === 'warning' ? progress.message : JSON.stringify(progress);
      user.reported(process.identity, text);
    },
  };
}

/** What is done to a pool is told as what is done to a volume: `driver.stage`, `driver.rename`. */
function driverOf(process: SimProcess, driver: VolumeDriver): VolumeDriver {
  const effects = process.asEffects('driver', driver);
  const { pools } = driver;
  if (pools === null) return effects;
  return {
    ...effects,
    pools: {
      poolOf: (volume) => process.call('driver.poolOf', () => pools.poolOf(volume)),
      openStage: async (volumes, name) => {
        const call = await process.call('driver.openStage', () => pools.openStage(volumes, name));
        return { ...call, take: () => process.call('driver.stage', () => call.take()) };
      },
      rename: (moves) => process.call('driver.rename', () => pools.rename(moves)),
    },
  };
}

function hooksOf(machine: Machine, user: ContextUser): Hooks {
  return {
    check: async () => undefined,
    run: async (file, context) => {
      user.hookRan(machine, file, context);
      if (machine.failingHooks.has(file))
        throw new SnapcommitError('HOOK_FAILED', `hook ${file} ended with 1`, { file });
    },
  };
}

function runnerOf(): CommandRunner {
  return {
    run: async (_, args) => ({
      status: 0,
      signal: null,
      stdout: args[0] === 'is-active' ? 'active\n' : '',
      stderr: '',
      timedOut: false,
    }),
  };
}

function sandboxOf(machine: Machine, user: ContextUser): Sandbox {
  return {
    probe: async () => ({ mounts: 'root', reason: null }),
    run: async (request) => ({
      status: user.runCommand(machine, request),
      cgroup: '/transact',
      interrupted: false,
    }),
    endAll: async () => undefined,
    leftovers: async () => [],
  };
}
