/** One node that has volumes: a member of the cluster, two btrfs filesystems of its own, and a cgroup for its writer. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Member } from '../cluster/member.js';
import { attempt } from '../support/at-end.js';
import { makeCgroup, type TestCgroup } from '../support/cgroups.js';
import type { CliResult, RunningCli } from '../support/run-cli.js';
import { isStopped } from '../support/power-loss.js';
import { until } from '../support/until.js';
import { makeVolume, mark, mountImage, tool, unmountPatiently, type WorldVolume } from '../support/world.js';

type Environment = Readonly<Record<string, string>>;

const SIZE_MIB = 200;

/** A command ended, or stood, before the point at which something was to happen to it: nothing is shown by that. */
export class PointNotReached extends Error {}

export class Host {
  readonly member: Member;
  readonly directory: string;
  readonly volumes: readonly WorldVolume[];
  readonly cgroup: TestCgroup;
  readonly #mounted: string[] = [];

  constructor(t: Pick<Test, 'teardown'>, member: Member, directory: string, volumes: number) {
    this.member = member;
    this.directory = join(directory, `volumes-${member.node}`);
    mkdirSync(this.directory);
    this.volumes = Array.from({ length: volumes }, (_, index) =>
      makeVolume(this.directory, `${member.node}v${String(index)}`, SIZE_MIB, (point) => this.#mounted.push(point)),
    );
    this.cgroup = makeCgroup(t);
  }

  get node(): string {
    return this.member.node;
  }

  get stateDirectory(): string {
    return this.member.stateDirectory;
  }

  /** A command that must succeed; its document. */
  async ask(...args: readonly string[]): Promise<unknown> {
    return this.member.ask(...args);
  }

  async cli(args: readonly string[], env: Environment = {}): Promise<CliResult> {
    return this.start(args, env).done;
  }

  /** What a person reads. */
  async read(...args: readonly string[]): Promise<CliResult> {
    return this.member.read(args).done;
  }

  /** Starts a command with --json; it is ended with the fleet at the latest. */
  start(args: readonly string[], env: Environment = {}): RunningCli {
    return this.member.run(args, env);
  }

  /** Starts a command that stops itself (SIGSTOP) at `point`; resolves when it stands there. */
  async startStopped(args: readonly string[], point: string): Promise<RunningCli> {
    const running = this.start(args, { SNAPCOMMIT_STOP_AT: point });
    const { child, done } = running;
    const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
    try {
      await until(`${args.join(' ')} stops at ${point}`, () => hasEnded() || isStopped(child.pid));
      if (!hasEnded()) return running;
    } catch {
      child.kill('SIGKILL');
    }
    const { status, signal, stdout, stderr } = await done;
    const said = `${String(status ?? signal)} ${stdout}${stderr}\n${this.node}'s daemon: ${this.member.lastWords}`;
    throw new PointNotReached(`${args.join(' ')} did not come to ${point}: ${said}`);
  }

  mark(marker: string): void {
    for (const { live } of this.volumes) mark(live, marker);
  }

  /** The whole machine at once: its commands and its daemon. */
  async kill(): Promise<void> {
    await Promise.all([this.member.killCommands(), this.member.kill()]);
  }

  /** Takes a volume's disk out of this machine, whose daemon does not run. */
  detach({ mount }: WorldVolume): void {
    this.#mounted.splice(this.#mounted.indexOf(mount), 1);
    unmountPatiently(mount);
  }

  /** Puts in a disk that another machine had; under another path than it had there. */
  attach({ name, image }: WorldVolume): WorldVolume {
    const mount = join(this.directory, `arrived-${name}`);
    mkdirSync(mount);
    mountImage(image, mount);
    this.#mounted.push(mount);
    return { name, image, mount, live: join(mount, 'live'), publish: join(mount, '.snapcommit', name), dataset: null };
  }

  /** What is on a volume's disk now, and not only in memory: where a copy of the disk is mounted. */
  copyOf({ name, image }: WorldVolume): string {
    const mount = join(this.directory, `copy-${name}`);
    tool('cp', '--sparse=always', image, `${mount}.img`);
    mkdirSync(mount);
    mountImage(`${mount}.img`, mount);
    this.#mounted.push(mount);
    return mount;
  }

  /** Starts the daemon again; resolves when it serves. */
  async restart(env: Environment = {}): Promise<void> {
    this.member.start(0, env);
    await this.member.serves();
  }

  unmount(): void {
    for (const point of this.#mounted.splice(0).reverse()) attempt(() => unmountPatiently(point));
  }
}
