/** Runs a schedule: its errands and faults while it lasts, then everything works again, and all must find to an end. */
import { SnapcommitError, unreachable } from '#src/errors.js';
import { FAIR } from '../simulation/network.js';
import type { Violation } from '../simulation/history.js';
import {
  commitWork,
  openWork,
  pruneWork,
  recoverWork,
  restoreWork,
  transactWork,
  type CommandWork,
} from './commands.js';
import { becomeTidy, runToEnd } from './crash-case.js';
import { assertOpened } from './readers.js';
import type { Machine } from './machine.js';
import { CGROUP } from './application.js';
import { GROUP } from './names.js';
import type { Errand, Schedule, ScheduleItem } from './schedule.js';
import { SystemWorld } from './system-world.js';
import type { Command, PlacedVolume } from './world-options.js';

export interface ScheduleResult {
  readonly violation: Pick<Violation, 'law' | 'message'> | null;
  readonly hash: string;
  readonly simulatedMs: number;
  readonly events: number;
  readonly tally: Readonly<Record<string, number>>;
  readonly trace: readonly string[];
}

/** A command may wait for a lock, a node that does not answer, and the log, one after the other. */
const ENDS_WITHIN_MS = 60_000;
const LOOK_MS = 100;

export async function runSchedule(schedule: Schedule, traced = false): Promise<ScheduleResult> {
  const run = new Run(schedule, traced);
  return run.run();
}

class Run {
  readonly #schedule: Schedule;
  readonly #world: SystemWorld;
  readonly #commands: Command[] = [];
  #healed = false;

  constructor(schedule: Schedule, traced: boolean) {
    this.#schedule = schedule;
    this.#world = new SystemWorld({ ...schedule, traced });
  }

  async run(): Promise<ScheduleResult> {
    const world = this.#world;
    await world.begin();
    await runToEnd(world, 'a', 'first', commitWork('first'));
    for (const item of this.#schedule.items)
      world.scheduler.after(item.at, () => {
        if (!this.#healed) this.#act(item);
      });
    await world.pass(this.#schedule.lastsMs);
    await this.#heal();
    if (world.violation === null) await this.#finish();
    const { violation, scheduler, tally, trace } = world;
    return {
      violation: violation === null ? null : { law: violation.law, message: violation.message },
      hash: trace.hash,
      simulatedMs: scheduler.now,
      events: scheduler.events,
      tally: tally.all(),
      trace: trace.lines,
    };
  }

  #act(item: ScheduleItem): void {
    const world = this.#world;
    world.note('*', JSON.stringify(item));
    if (item.kind === 'run') return this.#run(item.errand, world.machine(item.node));
    world.tally.count(item.kind);
    switch (item.kind) {
      case 'killDaemon':
        return this.#killDaemon(world.machine(item.node), item.forMs);
      case 'killCommand': {
        const command = this.#running(item.node);
        if (command !== undefined) world.kill(command.machine, command.process);
        return;
      }
      case 'power': {
        const machine = world.machine(item.node);
        if (machine.isUp) world.losePower(machine, item.forMs);
        return;
      }
      case 'pauseDaemon':
        return this.#pause(world.machine(item.node).daemon?.process, item.forMs);
      case 'pauseCommand':
        return this.#pause(this.#running(item.node)?.process, item.forMs);
      case 'cut':
        return this.#cut(item.from, item.to, item.forMs);
      case 'weather':
        world.network.weather = item.weather;
        world.scheduler.after(item.forMs, () => {
          world.network.weather = FAIR;
        });
        return;
      case 'clock':
        world.machine(item.node).sim.clockMs += item.byMs;
        return;
      case 'stuck': {
        const { freezer } = world.machine(item.node);
        freezer.setStuck(CGROUP, true);
        world.scheduler.after(item.forMs, () => {
          freezer.setStuck(CGROUP, false);
        });
        return;
      }
      case 'full':
      case 'fails':
        return this.#spoil(item);
      default:
        unreachable(item);
    }
  }

  #run(errand: Errand, machine: Machine): void {
    const world = this.#world;
    if (!machine.isUp) return;
    const name = `${errand}-${String(this.#commands.length + 1)}`;
    world.tally.count(errand);
    this.#commands.push(world.run(machine, name, this.#workOf(errand, name, machine)));
  }

  #workOf(errand: Errand, name: string, machine: Machine): CommandWork {
    const world = this.#world;
    switch (errand) {
      case 'commit':
        return commitWork(name);
      case 'transact':
        return transactWork(name);
      case 'restore':
        return restoreWork(name, Math.max(1, world.judge.newest(GROUP)));
      case 'recover':
        return recoverWork();
      case 'prune':
        return pruneWork(2);
      case 'open': {
        const newest = world.judge.newest(GROUP);
        return openWork((opened) => {
          world.judging(() => {
            assertOpened(machine, opened, newest, world);
          });
        });
      }
      default:
        return unreachable(errand);
    }
  }

  #running(node: string): Command | undefined {
    return this.#commands.find((command) => command.machine.name === node && command.ending() === null);
  }

  #killDaemon(machine: Machine, forMs: number): void {
    const world = this.#world;
    if (machine.daemon === null) return;
    world.kill(machine, machine.daemon.process);
    world.scheduler.after(forMs, () => {
      world.do(() => machine.startDaemon());
    });
  }

  #pause(process: Command['process'] | undefined, forMs: number): void {
    if (process === undefined) return;
    process.running.paused = true;
    this.#world.scheduler.after(forMs, () => {
      process.running.resume();
    });
  }

  #cut(from: readonly string[], to: readonly string[], forMs: number): void {
    const { network, scheduler } = this.#world;
    const links = from.flatMap((a) => to.filter((b) => a !== b).map((b) => [a, b] as const));
    for (const [a, b] of links) network.cut(a, b);
    scheduler.after(forMs, () => {
      for (const [a, b] of links) network.mend(a, b);
    });
  }

  #spoil(item: Extract<ScheduleItem, { readonly kind: 'full' | 'fails' }>): void {
    const world = this.#world;
    const { node, source, name } = this.#volume(item.volume);
    const { driver } = world.machine(node);
    if (item.kind === 'full') {
      driver.world.setFreeBytes(source, 0);
      world.scheduler.after(item.forMs, () => {
        driver.world.setFreeBytes(source, 1e12);
      });
      return;
    }
    const reason = `volume ${name}: ${item.method} failed: input/output error`;
    driver.failNext(item.method, new SnapcommitError('VOLUME_UNAVAILABLE', reason, { volume: name }), item.effect);
    if (item.effect === 'late')
      world.scheduler.after(700, () => {
        world.do(() => driver.arriveLate());
      });
  }

  #volume(text: string): PlacedVolume {
    const found = this.#world.volumes.find(({ name }) => text.split(':')[1] === name);
    if (found === undefined) throw new Error(`there is no volume ${text}`);
    return found;
  }

  async #heal(): Promise<void> {
    const world = this.#world;
    this.#healed = true;
    world.note('*', 'everything works again');
    world.network.mendAll();
    // No transaction begins while a clock is far off.
    for (const { sim } of world.machines.values()) sim.clockMs = 0;
    world.network.weather = FAIR;
    for (const machine of world.machines.values()) {
      machine.freezer.setStuck(CGROUP, false);
      machine.driver.forgetFaults();
      for (const process of machine.processes) process.running.resume();
      if (!machine.isUp) world.bringUp(machine);
      world.do(() => machine.startDaemon());
    }
    for (const { node, source } of world.volumes) world.machine(node).driver.world.setFreeBytes(source, 1e12);
    await this.#untilEnded();
  }

  async #untilEnded(): Promise<void> {
    const world = this.#world;
    const until = world.scheduler.now + ENDS_WITHIN_MS;
    while (world.violation === null && this.#unended().length > 0) {
      if (world.scheduler.now > until) world.fail('liveness', `${this.#unended().join(', ')} did not end`);
      else await world.pass(LOOK_MS);
    }
  }

  #unended(): readonly string[] {
    return this.#commands.filter(({ ending }) => ending() === null).map(({ name }) => name);
  }

  async #finish(): Promise<void> {
    const world = this.#world;
    for (const machine of world.machines.values()) await machine.driver.arriveLate();
    // What appears when nobody works on the volumes is found by the next sweep: at the latest minutes later, or, as here, after
    // the next transaction.
    this.#run('commit', world.machine('a'));
    await this.#untilEnded();
    if (!(await becomeTidy(world, 'after the faults'))) return;
    if (!(await runToEnd(world, 'a', 'last', commitWork('last')))) return;
    if (!(await becomeTidy(world, 'after the last commit'))) return;
    world.judging(() => {
      for (const { name, ending } of this.#commands) {
        const how = ending();
        const [errand = ''] = name.split('-');
        if (how === null || !['commit', 'transact', 'restore'].includes(errand)) continue;
        world.tally.count(`${errand} ${world.judge.assertTrue(name, how)}`);
      }
    });
  }
}
