/** Cases and schedules over several processes, each of which runs one after the other. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Tally } from '../simulation/tally.js';
import type { CaseOptions } from './crash-case.js';

export type Job =
  { readonly kind: 'case'; readonly options: CaseOptions } | { readonly kind: 'schedule'; readonly seed: number };

export interface JobReport {
  /** null: no law was broken. */
  readonly failure: { readonly law: string; readonly message: string } | null;
  /** Where a case's fault happened. */
  readonly place: string;
  readonly tally: Readonly<Record<string, number>>;
}

export interface FleetReport {
  readonly done: number;
  readonly failures: readonly { readonly job: Job; readonly law: string; readonly message: string }[];
  readonly tally: Readonly<Record<string, number>>;
}

const PROCESS = fileURLToPath(new URL('./system-process.js', import.meta.url));

export async function runJobs(
  jobs: Iterable<Job>,
  {
    processes,
    failuresMax,
    onProgress,
  }: {
    readonly processes: number;
    readonly failuresMax: number;
    readonly onProgress?: (report: FleetReport) => void;
  },
): Promise<FleetReport> {
  const waiting = jobs[Symbol.iterator]();
  const failures: FleetReport['failures'][number][] = [];
  const tally = new Tally();
  let done = 0;
  const report = (): FleetReport => ({ done, failures, tally: tally.all() });
  const take = (): Job | null => {
    const next = failures.length < failuresMax ? waiting.next() : { done: true as const, value: undefined };
    return next.done === true ? null : next.value;
  };
  const took = (job: Job, { failure, tally: counted }: JobReport): void => {
    done += 1;
    tally.add(counted);
    if (failure !== null) failures.push({ job, ...failure });
    onProgress?.(report());
  };
  await Promise.all(Array.from({ length: processes }, () => runProcess(take, took)));
  return report();
}

function runProcess(take: () => Job | null, took: (job: Job, report: JobReport) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(PROCESS, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    let job = take();
    const next = (): void => {
      if (job === null) child.disconnect();
      else child.send(job);
    };
    child.on('message', (report: JobReport) => {
      if (job !== null) took(job, report);
      job = take();
      next();
    });
    child.on('error', reject);
    child.on('exit', (status, signal) => {
      if (status === 0) resolve();
      else reject(new Error(`a process of the simulation ended with ${String(status ?? signal)}`));
    });
    next();
  });
}

/** How to see a failure again. */
export function replayOf(job: Job): string {
  if (job.kind === 'schedule') return `npm run sim -- --system --seed ${String(job.seed)}`;
  return `npm run sim -- --system --case '${JSON.stringify(job.options)}'`;
}
