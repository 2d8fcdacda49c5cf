/**
 * A network of its own for each cluster: one namespace a member, joined by a bridge in a namespace of its own, so that
 * nothing of this machine's network is touched. A member stops hearing another by a rule of nftables in its namespace.
 */
import { execFileSync } from 'node:child_process';

export interface Cut {
  readonly from: number;
  readonly to: number;
}

export class Network {
  readonly #prefix: string;
  readonly #size: number;
  readonly #made: string[] = [];

  /** Members are numbered from 0. */
  constructor(size: number, prefix = `sc${String(process.pid)}`) {
    this.#prefix = prefix;
    this.#size = size;
  }

  build(): void {
    const hub = this.#add('hub');
    run('ip', '-n', hub, 'link', 'add', 'bridge', 'type', 'bridge');
    run('ip', '-n', hub, 'link', 'set', 'bridge', 'up');
    for (let n = 0; n < this.#size; n += 1) {
      const name = this.#add(String(n));
      const port = `port${String(n)}`;
      run('ip', '-n', hub, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'net', 'netns', name);
      run('ip', '-n', hub, 'link', 'set', port, 'master', 'bridge', 'up');
      run('ip', '-n', name, 'address', 'add', `${this.addressOf(n)}/24`, 'dev', 'net');
      run('ip', '-n', name, 'link', 'set', 'net', 'up');
      run('ip', '-n', name, 'link', 'set', 'lo', 'up');
      nft(name, 'add table inet cuts; add chain inet cuts in { type filter hook input priority 0; }');
    }
  }

  addressOf(member: number): string {
    return `10.99.0.${String(member + 1)}`;
  }

  /**
   * What runs a program as that member: exec, so the process keeps its id. Only its network is another one (`ip netns exec`
   * would give it other mounts, too, without cgroups).
   */
  under(member: number): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.#name(String(member))}`];
  }

  /** From now on exactly these directions are cut: what `from` sends does not reach `to`. */
  cut(cuts: readonly Cut[]): void {
    for (let n = 0; n < this.#size; n += 1) {
      const drops = cuts
        .filter(({ to }) => to === n)
        .map(({ from }) => `add rule inet cuts in ip saddr ${this.addressOf(from)} drop;`);
      nft(this.#name(String(n)), ['flush chain inet cuts in;', ...drops].join(' '));
    }
  }

  remove(): void {
    for (const name of this.#made.splice(0)) {
      try {
        run('ip', 'netns', 'delete', name);
      } catch {
        // Gone already: what matters is that the others are tried.
      }
    }
  }

  #name(what: string): string {
    return `${this.#prefix}-${what}`;
  }

  #add(what: string): string {
    const name = this.#name(what);
    this.#made.push(name);
    run('ip', 'netns', 'add', name);
    return name;
  }
}

function nft(namespace: string, commands: string): void {
  run('ip', 'netns', 'exec', namespace, 'nft', commands);
}

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
