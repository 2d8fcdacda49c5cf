// The machines of the cluster's story: network namespaces joined by a bridge, each with an address, a state directory and a
// daemon; and their removal whatever happens.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from './narrator.mjs';

const PORT = 7420;

export class Machine {
  /** Its network namespace; null: it has none yet. */
  #namespace;
  #daemon = null;
  #log = '';

  constructor(name, number, directory, namespace, settings) {
    this.name = name;
    this.address = `10.77.0.${String(number)}:${String(PORT)}`;
    this.stateDirectory = join(directory, name);
    this.#namespace = namespace;
    mkdirSync(this.stateDirectory, { mode: 0o700 });
    writeFileSync(join(this.stateDirectory, 'config.json'), JSON.stringify(settings), { mode: 0o600 });
  }

  /** What has to stand before a command for it to run on this machine's network. */
  get within() {
    return ['nsenter', `--net=/run/netns/${this.#namespace}`];
  }

  get pid() {
    return this.#daemon?.pid ?? 0;
  }

  get isUp() {
    return this.#daemon !== null && this.#daemon.exitCode === null && this.#daemon.signalCode === null;
  }

  /** Resolves when it serves. */
  async startDaemon() {
    const [file, ...before] = this.within;
    const env = { ...process.env, SNAPCOMMIT_STATE_DIR: this.stateDirectory };
    const daemon = spawn(file, [...before, process.execPath, cli, 'daemon'], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#daemon = daemon;
    this.#log = '';
    await new Promise((resolve, reject) => {
      daemon.stderr.on('data', (data) => {
        this.#log += data;
        if (this.#log.includes('"serving"')) resolve();
      });
      daemon.once('error', reject);
      daemon.once('exit', () => reject(new Error(`the daemon of ${this.name} ended: ${this.#log}`)));
    });
  }

  async endDaemon(signal) {
    const daemon = this.#daemon;
    if (daemon === null || !this.isUp) return;
    const gone = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill(signal);
    await gone;
  }

  /** Takes the machine's disk away. */
  lose() {
    rmSync(this.stateDirectory, { recursive: true, force: true });
  }

  killNow() {
    if (this.isUp) this.#daemon.kill('SIGKILL');
  }
}

export class Lab {
  machines = new Map();
  #directory;
  #settings;
  #prefix = `scdemo${String(process.pid)}`;
  #namespaces = [];

  /** `settings`: what config.json says on every machine. */
  constructor(directory, settings = {}) {
    this.#directory = directory;
    this.#settings = settings;
    this.#add('hub');
    this.#ip('-n', this.#name('hub'), 'link', 'add', 'bridge0', 'type', 'bridge');
    this.#ip('-n', this.#name('hub'), 'link', 'set', 'bridge0', 'up');
  }

  /** A new machine on the network, with an empty disk. */
  machine(name) {
    const number = this.machines.size + 1;
    const hub = this.#name('hub');
    const own = this.#add(name);
    const [near, far] = ['eth0', `port${String(number)}`];
    this.#ip('link', 'add', near, 'netns', own, 'type', 'veth', 'peer', 'name', far, 'netns', hub);
    this.#ip('-n', own, 'address', 'add', `10.77.0.${String(number)}/24`, 'dev', near);
    for (const link of ['lo', near]) this.#ip('-n', own, 'link', 'set', link, 'up');
    this.#ip('-n', hub, 'link', 'set', far, 'master', 'bridge0', 'up');
    const machine = new Machine(name, number, this.#directory, own, this.#settings);
    this.machines.set(name, machine);
    return machine;
  }

  /** Ends every daemon. */
  async stop() {
    for (const machine of this.machines.values()) await machine.endDaemon('SIGKILL');
  }

  /** Synchronous, so that it also works at the end of an interrupted run. */
  clean() {
    for (const machine of this.machines.values()) machine.killNow();
    for (const namespace of this.#namespaces.splice(0).reverse())
      if (existsSync(`/run/netns/${namespace}`)) spawnSync('ip', ['netns', 'del', namespace]);
  }

  #name(machine) {
    return `${this.#prefix}-${machine}`;
  }

  #add(machine) {
    const namespace = this.#name(machine);
    this.#ip('netns', 'add', namespace);
    this.#namespaces.push(namespace);
    return namespace;
  }

  #ip(...args) {
    const result = spawnSync('ip', args, { encoding: 'utf8' });
    if (result.error !== undefined) throw result.error;
    if (result.status !== 0) throw new Error(`ip ${args.join(' ')}: ${result.stderr}`);
  }
}
