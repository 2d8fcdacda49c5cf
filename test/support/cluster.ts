/**
 * Members of a cluster as real daemons on this machine: each with a state directory and a loopback address of its own
 * (127.X.Y.Z, so that test files in parallel do not meet), ended with the test at the latest.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { cli, startCli, type CliOptions, type CliResult, type RunningCli } from './run-cli.js';
import { temporaryDirectory } from './temp.js';
import { until } from './until.js';

const PORT = 7420;

/** What `cluster status --json` says; only what tests look at. */
export interface StatusSeen {
  readonly leader: string | null;
  readonly incarnation: number;
  readonly configuration: number;
  readonly hasQuorum: boolean;
  readonly decidedSlot: number;
  readonly checkpointSlot: number;
  readonly members: readonly {
    readonly node: string;
    readonly role: string;
    readonly lastSlot: number | null;
    readonly lagSlots: number | null;
    readonly unreachableSince: string | null;
  }[];
}

export class TestMember {
  readonly node: string;
  readonly stateDirectory: string;
  readonly address: string;
  #daemon: RunningCli | null = null;
  /** What the newest daemon has logged. */
  log = '';

  constructor(node: string, stateDirectory: string, address: string) {
    this.node = node;
    this.stateDirectory = stateDirectory;
    this.address = address;
  }

  get pid(): number {
    return this.#daemon?.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#daemon !== null && this.#daemon.child.exitCode === null && this.#daemon.child.signalCode === null;
  }

  /** Writes config.json: it listens on its own address alone. */
  configure(settings: Readonly<Record<string, string | number>> = {}): void {
    mkdirSync(this.stateDirectory, { recursive: true, mode: 0o700 });
    const config = { listen: this.address, logTimeoutMs: '30s', ...settings };
    writeFileSync(join(this.stateDirectory, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  }

  async cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    return cli(args, { stateDirectory: this.stateDirectory, ...options });
  }

  /** A command that must succeed; its --json document. */
  async ask<T = unknown>(...args: readonly string[]): Promise<T> {
    const result = await this.cli(['--json', ...args]);
    if (result.status === 0) return result.json as T;
    throw new Error(`snapcommit ${args.join(' ')}: status ${String(result.status)} ${result.stdout}${result.stderr}`);
  }

  async status(): Promise<StatusSeen> {
    return this.ask<StatusSeen>('cluster', 'status');
  }

  /** Starts the daemon; resolves when it serves. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.log = '';
    const daemon = startCli(['daemon'], { stateDirectory: this.stateDirectory, env });
    daemon.child.stderr?.on('data', (text: string) => (this.log += text));
    this.#daemon = daemon;
    await until(`the daemon of ${this.node} serves`, () => {
      if (!this.isRunning) throw new Error(`the daemon of ${this.node} ended: ${this.log}`);
      return this.log.includes('"serving"');
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#daemon?.child.kill(signal);
  }

  /** Ends the daemon and waits for it. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<CliResult | null> {
    this.signal(signal);
    return (await this.#daemon?.done) ?? null;
  }
}

export class TestCluster {
  readonly directory: string;
  readonly members = new Map<string, TestMember>();
  readonly #network: string;

  constructor(t: Test) {
    this.directory = temporaryDirectory(t, 'cluster');
    this.#network = `127.${String(1 + ((process.pid >> 8) % 250))}.${String(process.pid & 255)}`;
    t.teardown(async () => {
      for (const member of this.members.values()) await member.end('SIGKILL');
    });
  }

  /** A machine with an empty state directory. */
  machine(node: string, stateDirectory = join(this.directory, node)): TestMember {
    const member = new TestMember(
      node,
      stateDirectory,
      `${this.#network}.${String(this.members.size + 1)}:${String(PORT)}`,
    );
    this.members.set(node, member);
    member.configure();
    return member;
  }

  /** The first member, with a log of its own and its daemon running. */
  async found(node = 'a'): Promise<TestMember> {
    const member = this.machine(node);
    await member.ask('init', '--node', node);
    await member.ask('cluster', 'init', '--address', member.address);
    await member.start();
    return member;
  }

  /** A token of `by` in a file. */
  async token(by: TestMember, ...options: readonly string[]): Promise<string> {
    const file = join(this.directory, `token-${String(Math.random()).slice(2)}`);
    await by.ask('cluster', 'token', '--out', file, ...options);
    return file;
  }

  /** Joins as a learner, with its daemon running. */
  async join(node: string, by: TestMember, ...options: readonly string[]): Promise<TestMember> {
    const member = this.machine(node);
    const file = await this.token(by, ...options);
    await member.ask('cluster', 'join', '--token-file', file, '--node', node, '--address', member.address);
    await member.start();
    return member;
  }

  /** `a`, `b` and `c`, all voting. */
  async three(): Promise<readonly [TestMember, TestMember, TestMember]> {
    const a = await this.found('a');
    const b = await this.join('b', a);
    await a.ask('cluster', 'add', 'b');
    const c = await this.join('c', a);
    await a.ask('cluster', 'add', 'c');
    return [a, b, c];
  }

  /** Waits until this member knows of a leader among `these`. */
  async leader(by: TestMember, these: readonly TestMember[]): Promise<TestMember> {
    let found: TestMember | undefined;
    await until('a leader', async () => {
      const { leader } = await by.status();
      found = these.find(({ node }) => node === leader);
      return found !== undefined;
    });
    if (found === undefined) throw new Error('no leader');
    return found;
  }
}
