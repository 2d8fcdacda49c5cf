/** Many worlds over several processes: seeds are handed out in runs, results are added up. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Tally } from './tally.js';

/** No seeds: that was the last. */
export interface SeedRun {
  readonly start: number;
  readonly count: number;
}

export interface Failure {
  readonly seed: number;
  readonly law: string;
  readonly message: string;
}

/** What a process says of a run of seeds. */
export interface RunReport {
  readonly worlds: number;
  readonly failures: readonly Failure[];
  readonly simulatedMs: number;
  readonly events: number;
  readonly slots: number;
  readonly acknowledged: number;
  readonly reads: number;
  readonly tally: Readonly<Record<string, number>>;
  /** Of the core: blocks of code by place, and whether they were reached. Only of the last run of a process. */
  readonly branches: Readonly<Record<string, boolean>> | null;
}

export interface FleetReport extends Omit<RunReport, 'branches'> {
  readonly branches: Readonly<Record<string, boolean>>;
}

export interface FleetOptions {
  readonly start: number;
  readonly count: number;
  readonly processes: number;
  /** End early when this many worlds have failed. */
  readonly failuresMax: number;
  readonly onProgress?: (report: FleetReport) => void;
}

const RUN_LENGTH = 25;
const PROCESS = fileURLToPath(new URL('./sim-process.js', import.meta.url));

export async function runFleet(options: FleetOptions): Promise<FleetReport> {
  const sum = new Sum();
  let next = options.start;
  const end = options.start + options.count;
  const take = (): SeedRun => {
    if (next >= end || sum.failures.length >= options.failuresMax) return { start: next, count: 0 };
    const run = { start: next, count: Math.min(RUN_LENGTH, end - next) };
    next += run.count;
    return run;
  };
  const members = Array.from({ length: options.processes }, () =>
    runProcess(take, (report) => {
      sum.add(report);
      options.onProgress?.(sum.report());
    }),
  );
  await Promise.all(members);
  return sum.report();
}

function runProcess(take: () => SeedRun, onReport: (report: RunReport) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(PROCESS, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.on('message', (message: RunReport) => {
      onReport(message);
      if (message.branches === null) child.send(take());
    });
    child.on('error', reject);
    child.on('exit', (status, signal) => {
      if (status === 0) resolve();
      else reject(new Error(`a process of the simulation ended with ${String(status ?? signal)}`));
    });
    child.send(take());
  });
}

class Sum {
  readonly failures: Failure[] = [];
  readonly #numbers = new Tally();
  readonly #tally = new Tally();
  readonly #branches: Record<string, boolean> = {};

  add({ failures, tally, branches, worlds, simulatedMs, events, slots, acknowledged, reads }: RunReport): void {
    this.failures.push(...failures);
    this.#numbers.add({ worlds, simulatedMs, events, slots, acknowledged, reads });
    this.#tally.add(tally);
    for (const [place, reached] of Object.entries(branches ?? {}))
      this.#branches[place] = reached || this.#branches[place] === true;
  }

  report(): FleetReport {
    const of = (name: string) => this.#numbers.of(name);
    return {
      worlds: of('worlds'),
      failures: this.failures,
      simulatedMs: of('simulatedMs'),
      events: of('events'),
      slots: of('slots'),
      acknowledged: of('acknowledged'),
      reads: of('reads'),
      tally: this.#tally.all(),
      branches: this.#branches,
    };
  }
}

/** For people: what was simulated, how often each fault fired, what of the core was not reached. */
export function describeFleet(report: FleetReport): readonly string[] {
  const { worlds, simulatedMs, events, slots, acknowledged, reads, tally, branches } = report;
  const hours = (simulatedMs / 3_600_000).toFixed(1);
  const places = Object.entries(branches);
  const missed = places.filter(([, reached]) => !reached).map(([place]) => place);
  return [
    `${String(worlds)} worlds, ${hours} simulated hours, ${String(events)} events`,
    `${String(slots)} slots chosen, ${String(acknowledged)} appends and ${String(reads)} reads answered`,
    ...Object.entries(tally).map(([name, times]) => `  ${String(times).padStart(9)}  ${name}`),
    `${String(places.length - missed.length)} of ${String(places.length)} branches of the core reached`,
    ...missed.sort().map((place) => `  not reached: ${place}`),
  ];
}
