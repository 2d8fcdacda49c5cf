/** Making a machine of the simulated system: its disk, its replica, its volumes, and who hears of what happens there. */
import type { AppliedSlot } from '#src/log/state-machine.js';
import { nodeId } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import { DEFAULT_LIMITS } from '#src/paxos/limits.js';
import { MemoryDisk } from '../support/memory-replica-store.js';
import type { Dice } from '../simulation/random.js';
import type { Scheduler } from '../simulation/scheduler.js';
import { SimNode, type SimNodeUser } from '../simulation/sim-node.js';
import { CGROUP } from './application.js';
import { Machine, type MachineUser } from './machine.js';
import type { Boundaries } from './sim-process.js';
import type { PlacedVolume, WorldOptions } from './world-options.js';

const HOST_SETTINGS = {
  tickMs: 50,
  appendTimeoutMs: 2500,
  readTimeoutMs: 2500,
  limits: DEFAULT_LIMITS,
};

/** What the machine's world does for it, and hears from it. */
export interface MachineWorld extends Pick<SimNodeUser, 'send' | 'broke'>, Pick<MachineUser, 'serve' | 'thawed'> {
  readonly scheduler: Scheduler;
  readonly reached: Boundaries['reached'];
  dice(purpose: string): Dice;
  applied(applied: AppliedSlot): void;
  /** Its replica gave up. */
  stopped(error: Error): void;
}

export function makeMachine(
  name: string,
  { seed, nodes }: WorldOptions,
  volumes: readonly PlacedVolume[],
  world: MachineWorld,
): Machine {
  const { scheduler } = world;
  const configuration = { id: 1, voters: nodes.map(nodeId), learners: [], after: slot(0) };
  const identity = { cluster: 'sim', node: name, incarnation: 1 };
  const disk = new MemoryDisk({ ...identity, configuration, mode: 'cluster' }, `${name}-store`);
  const sim = new SimNode(name, disk, 1000, {
    seed,
    scheduler,
    settings: HOST_SETTINGS,
    send: (from, to, bytes) => {
      world.send(from, to, bytes);
    },
    hooks: () => ({
      onApplied: (applied, state) => {
        world.applied(applied);
        machine.daemon?.parts.applied(state, applied);
      },
      onEvent: (event) => {
        if (event.type === 'stopped') world.stopped(event.error);
      },
    }),
    broke: (error) => {
      world.broke(error);
    },
  });
  const latencies = world.dice('latency');
  const machine = new Machine(sim, identity, {
    pooled: volumes.some(({ pool }) => pool !== null),
    dice: world.dice('machine'),
    boundaries: { scheduler, latencyMs: () => 0.2 + latencies.below(100) / 100, reached: world.reached },
    serve: (on, process, host) => world.serve(on, process, host),
    thawed: (on) => {
      world.thawed(on);
    },
  });
  machine.freezer.addCgroup(CGROUP);
  for (const { node, source, pool } of volumes)
    if (node === name) machine.driver.world.addVolume(source, { counter: '0' }, pool ?? source);
  return machine;
}
