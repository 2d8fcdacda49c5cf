/**
 * Three hosts with volumes under random chaos: commits, prunes and recoveries on any of them, some of which kill themselves
 * at a random point, while machines die, sleep and are cut off. Now and then all is healed and everything is looked at from
 * outside. What is random follows from the seed; what the machine does between is its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openNode } from '#src/index.js';
import { Dice } from '../simulation/random.js';
import type { CliResult } from '../support/run-cli.js';
import { problemsAfterRecovery } from './check-fleet.js';
import { makeFleet, type Fleet } from './fleet.js';
import type { Host } from './host.js';
import { startRelay } from './relay.js';
import { Scope } from '../support/scope.js';
import { BLOWS, COMMIT, pointsOf } from './trial.js';

export interface HostsSoakOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Between two looks at everything. */
  readonly roundSeconds: number;
}

export interface HostsSoakReport {
  readonly problems: readonly string[];
  readonly blows: ReadonlyMap<string, number>;
  /** How commits ended: exit statuses and signals. */
  readonly answers: ReadonlyMap<string, number>;
  readonly checks: number;
  /** The longest time for which somebody stood still, as far as it was seen, ms. */
  readonly longestFreezeMs: number;
}

const STALL_LIMIT_MS = 3_000;
/** A guard may come late on a machine that is this busy. */
const LATE_MS = 10_000;
const KEPT = '5';

interface Attempt {
  readonly message: string;
  readonly result: CliResult;
}

export async function soakHosts(options: HostsSoakOptions): Promise<HostsSoakReport> {
  const scope = new Scope();
  try {
    const settings = { takeOverGraceMs: '1s', lockWaitMs: '4s', logTimeoutMs: '4s' };
    const fleet = await makeFleet(scope, { stallLimit: `${String(STALL_LIMIT_MS)}ms`, settings });
    await startRelay(scope, fleet.hosts);
    return await new Soak(fleet, options).run();
  } finally {
    await scope.end();
  }
}

class Soak {
  readonly #fleet: Fleet;
  readonly #options: HostsSoakOptions;
  readonly #below: (bound: number) => number;
  readonly #blows = new Map<string, number>();
  readonly #answers = new Map<string, number>();
  readonly #frozenSince = new Map<Host, number>();
  readonly #problems: string[] = [];
  #attempts: Attempt[] = [];
  #points: readonly string[] = [];
  #made = 0;
  #checks = 0;
  #longestFreezeMs = 0;

  constructor(fleet: Fleet, options: HostsSoakOptions) {
    this.#fleet = fleet;
    this.#options = options;
    const dice = new Dice(options.seed);
    this.#below = (bound) => dice.below(bound);
  }

  async run(): Promise<HostsSoakReport> {
    const { seconds, roundSeconds } = this.#options;
    this.#points = await pointsOf(this.#fleet, this.#fleet.host(0));
    const watching = setInterval(() => this.#watchFreezes(), 50);
    try {
      const end = performance.now() + seconds * 1_000;
      while (performance.now() < end && this.#problems.length === 0) {
        await this.#round(Math.min(end, performance.now() + roundSeconds * 1_000));
        await this.#check();
      }
    } catch (error) {
      this.#problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    } finally {
      clearInterval(watching);
    }
    if (this.#longestFreezeMs > STALL_LIMIT_MS + LATE_MS)
      this.#problems.push(`somebody stood still for ${String(Math.round(this.#longestFreezeMs))} ms`);
    return {
      problems: this.#problems,
      blows: this.#blows,
      answers: this.#answers,
      checks: this.#checks,
      longestFreezeMs: this.#longestFreezeMs,
    };
  }

  async #round(end: number): Promise<void> {
    const isOver = (): boolean => performance.now() >= end;
    await Promise.all([...this.#fleet.hosts.map(async (host) => this.#work(host, isOver)), this.#wreak(isOver)]);
  }

  /** One command after another on one host. */
  async #work(host: Host, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      if (this.#below(6) === 0) await host.cli(['--timeout', '20s', 'recover']);
      else await this.#commit(host);
      await sleep(this.#below(500));
    }
  }

  async #commit(host: Host): Promise<void> {
    this.#made += 1;
    const message = `commit ${String(this.#made)}`;
    const result = await this.#started(host, ['--timeout', '20s', ...COMMIT, '--message', message]);
    this.#attempts.push({ message, result });
    count(this.#answers, String(result.status ?? result.signal));
  }

  /** As it is, or killing itself at a point of its path, or asleep there for a while. */
  async #started(host: Host, args: readonly string[]): Promise<CliResult> {
    const point = this.#points[this.#below(this.#points.length)] ?? '';
    const kind = this.#below(6);
    if (kind === 0) return host.cli(args, { SNAPCOMMIT_CRASH_AT: point });
    if (kind !== 1) return host.cli(args);
    const running = host.start(args, { SNAPCOMMIT_STOP_AT: point });
    // Again and again: it may come to its point late.
    const waking = setInterval(() => running.child.kill('SIGCONT'), 1_000 + this.#below(5_000));
    const result = await running.done;
    clearInterval(waking);
    return result;
  }

  async #wreak(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await sleep(1_000 + this.#below(4_000));
      const blow = BLOWS[this.#below(BLOWS.length)];
      const victim = this.#fleet.host(this.#below(this.#fleet.hosts.length));
      if (blow === undefined || isOver()) return;
      const undo = await blow.fall(this.#fleet, victim);
      count(this.#blows, blow.name.replace(/^.* (dies|is stopped|is cut off)$/, '$1'));
      await sleep(this.#below(4_000));
      await undo();
      await this.#revive();
      // Every host has volumes of the group: nothing gets through while one is away.
      await this.#fleet.together();
    }
  }

  /** A daemon that ended by itself is started again, as the service manager would. */
  async #revive(): Promise<void> {
    for (const host of this.#fleet.hosts) if (!host.member.isRunning) await host.restart();
  }

  /** Everything from outside, and that what was answered is so. */
  async #check(): Promise<void> {
    await this.#revive();
    await this.#fleet.together();
    this.#checks += 1;
    this.#problems.push(...(await problemsAfterRecovery(this.#fleet, { writers: true })));
    const messages = await messagesOf(this.#fleet.host(1));
    this.#problems.push(...this.#attempts.flatMap((attempt) => contradiction(attempt, messages)));
    this.#attempts = [];
    await this.#fleet.host(2).ask('prune', 'app', '--keep-last', KEPT);
  }

  #watchFreezes(): void {
    const now = performance.now();
    for (const host of this.#fleet.hosts) {
      if (!host.cgroup.requested()) this.#frozenSince.delete(host);
      else {
        const since = this.#frozenSince.get(host) ?? now;
        this.#frozenSince.set(host, since);
        this.#longestFreezeMs = Math.max(this.#longestFreezeMs, now - since);
      }
    }
  }
}

async function messagesOf({ stateDirectory }: Host): Promise<readonly string[]> {
  const node = await openNode({ stateDirectory });
  try {
    return (await node.list('app')).map(({ message }) => message);
  } finally {
    node.close();
  }
}

function contradiction({ message, result }: Attempt, messages: readonly string[]): readonly string[] {
  const made = messages.filter((each) => each === message).length;
  const { status, signal, stdout, stderr } = result;
  const said = `"${message}" answered ${String(status ?? signal)} and made ${String(made)} generations: ${stdout}${stderr}`;
  if (made > 1) return [said];
  if (signal !== null || status === 7) return [];
  const promised = status === 0 || status === 9;
  const refused = status === 4 || status === 5 || status === 6;
  if (!promised && !refused) return [said];
  return promised === (made === 1) ? [] : [said];
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

export function describeHostsSoak({ problems, blows, answers, checks, longestFreezeMs }: HostsSoakReport): string {
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts].map(([name, times]) => `${name}: ${String(times)}`).join(', ');
  return [
    `commits answered ${list(answers)}`,
    `machines: ${list(blows)}`,
    `${String(checks)} times healed and looked at from outside: ${problems.length === 0 ? 'all as it must be' : 'WRONG'}`,
    `nobody stood still for longer than ${String(Math.round(longestFreezeMs))} ms`,
    ...problems,
  ].join('\n');
}
