/** One member of a cluster under test: a daemon in its own namespace, on its own disk, by its own clock. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCli, type RunningCli } from '../support/run-cli.js';
import { until } from '../support/until.js';
import { Disk } from './disk.js';
import type { Network } from './network.js';

const PORT = 7420;

export class Member {
  readonly number: number;
  readonly node: string;
  readonly stateDirectory: string;
  readonly address: string;
  readonly disk: Disk;
  readonly #under: readonly string[];
  readonly #commands = new Set<RunningCli>();
  #daemon: RunningCli | null = null;
  #log = '';
  isPaused = false;

  constructor(network: Network, directory: string, number: number) {
    this.number = number;
    this.node = `n${String(number)}`;
    this.disk = new Disk(directory, this.node);
    this.stateDirectory = join(this.disk.place, 'state');
    this.address = `${network.addressOf(number)}:${String(PORT)}`;
    this.#under = network.under(number);
  }

  prepare(settings: Readonly<Record<string, string | number>> = {}): void {
    this.disk.make();
    mkdirSync(this.stateDirectory, { mode: 0o700 });
    const config = { listen: this.address, ...settings };
    writeFileSync(join(this.stateDirectory, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  }

  get pid(): number {
    return this.#daemon?.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#daemon !== null && this.#daemon.child.exitCode === null && this.#daemon.child.signalCode === null;
  }

  /** A command that must succeed; its --json document. */
  async ask(...args: readonly string[]): Promise<unknown> {
    const result = await this.run(args).done;
    if (result.status === 0) return result.json;
    throw new Error(`snapcommit ${args.join(' ')}: status ${String(result.status)} ${result.stdout}${result.stderr}`);
  }

  /** Whether a command succeeds. */
  async done(...args: readonly string[]): Promise<boolean> {
    return (await this.run(args).done).status === 0;
  }

  /** Starts a command with --json. */
  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCli {
    const running = startCli(['--json', ...args], { stateDirectory: this.stateDirectory, under: this.#under, env });
    this.#commands.add(running);
    void running.done.finally(() => this.#commands.delete(running));
    return running;
  }

  /** Starts a command that speaks to a person. */
  read(args: readonly string[]): RunningCli {
    return startCli(args, { stateDirectory: this.stateDirectory, under: this.#under });
  }

  /** Starts the daemon, its clock off by `offsetSeconds`; does not wait until it serves. */
  start(offsetSeconds = 0, more: Readonly<Record<string, string>> = {}): void {
    this.#log = '';
    const env = offsetSeconds === 0 ? more : { ...more, ...fakeTime(offsetSeconds) };
    const daemon = startCli(['daemon'], { stateDirectory: this.stateDirectory, under: this.#under, env });
    daemon.child.stderr?.on('data', (text: string) => (this.#log = (this.#log + text).slice(-100_000)));
    this.#daemon = daemon;
    // Where it ends by itself, and where we end it, which may be the last that we do.
    if (offsetSeconds !== 0) void daemon.done.finally(() => forgetFakeTime(daemon.child.pid));
  }

  async serves(): Promise<void> {
    try {
      await until(`the daemon of ${this.node} serves`, () => !this.isRunning || this.#log.includes('"serving"'));
    } catch (error) {
      throw new Error(`${String(error)}: ${this.lastWords}`, { cause: error });
    }
    if (!this.isRunning) throw new Error(`the daemon of ${this.node} ended: ${this.#log}`);
  }

  /** What the newest daemon said last. */
  get lastWords(): string {
    return this.#log.slice(-2_000);
  }

  pause(): void {
    this.isPaused = this.#daemon?.child.kill('SIGSTOP') ?? false;
  }

  resume(): void {
    this.#daemon?.child.kill('SIGCONT');
    this.isPaused = false;
  }

  /** At once, without waiting. */
  end(): void {
    this.#daemon?.child.kill('SIGKILL');
    forgetFakeTime(this.#daemon?.child.pid);
  }

  /** The daemon and all commands, also at once. */
  endAll(): void {
    for (const { child } of this.#commands) child.kill('SIGKILL');
    this.end();
  }

  async killCommands(): Promise<void> {
    const commands = [...this.#commands];
    for (const { child } of commands) child.kill('SIGKILL');
    await Promise.all(commands.map(async ({ done }) => done));
  }

  async kill(): Promise<void> {
    this.end();
    await this.#daemon?.done;
    this.isPaused = false;
  }
}

/** Only the calendar moves: timers and deadlines follow the monotonic clock. */
export function fakeTime(offsetSeconds: number): Readonly<Record<string, string>> {
  const library = libfaketime();
  const sign = offsetSeconds < 0 ? '-' : '+';
  return {
    LD_PRELOAD: library,
    FAKETIME: `${sign}${String(Math.abs(offsetSeconds))}s`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}

/** What libfaketime shares with a program's children; it stays where the program was killed. */
function forgetFakeTime(pid: number | undefined): void {
  for (const name of [`faketime_shm_${String(pid)}`, `sem.faketime_sem_${String(pid)}`])
    rmSync(join('/dev/shm', name), { force: true });
}

function libfaketime(): string {
  const candidates = readdirSync('/usr/lib').map((name) => join('/usr/lib', name, 'faketime', 'libfaketimeMT.so.1'));
  const found = candidates.find((file) => existsSync(file));
  if (found === undefined) throw new Error('libfaketime is missing: install the package libfaketime');
  return found;
}
