// One guest: boots, runs commands, reboots, loses power, goes away. Everything it starts ends with this process.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { chooseAccelerator } from './accelerator.mjs';
import { makeDataDisk, makeRootDisk, serveDisk } from './disks.mjs';
import { ensureImage } from './image.mjs';
import { claimDirectory, DOOR } from './directories.mjs';
import { chooseQemu } from './emulator.mjs';
import { chosenOpenZfs } from './openzfs.mjs';
import { projectDisks } from './project.mjs';
import { qemuArguments } from './qemu.mjs';
import { sshPort } from './qmp.mjs';
import { openDoor, runThrough } from './ssh.mjs';
import { ensureTools, RigError } from './tools.mjs';

const MEMORY_MIB = 2048;
const MIB = 1024 * 1024;
/** Half a minute on an emulated processor; many times that on a busy machine. */
const BOOT_LIMIT_MS = 20 * 60_000;

/** What every guest of this process is made of; several guests share it. */
export async function prepareRig() {
  ensureTools();
  const image = await ensureImage(chosenOpenZfs());
  const accelerator = await chooseAccelerator(image);
  return { image, accelerator, qemu: await chooseQemu(accelerator), readOnlyDisks: await projectDisks() };
}

export class Guest {
  #rig;
  #settings;
  #directory;
  #disks = [];
  #servers = [];
  #qemu = null;
  #door = null;
  #log;
  #isRemoved = false;
  boots = 0;

  /**
   * @param {Awaited<ReturnType<typeof prepareRig>>} rig
   * @param {{ name?: string, dataDisks?: Readonly<Record<string, number>>, memoryMiB?: number,
   *   network?: import('./network.mjs').Seat | null }} settings `dataDisks`: sizes in MiB, by name
   */
  static async create(rig, settings = {}) {
    const guest = new Guest(rig, settings);
    try {
      guest.#disks = [await makeRootDisk(guest.#directory, rig.image.rootDisk)];
      for (const [name, size] of Object.entries(settings.dataDisks ?? {})) {
        guest.#disks.push(makeDataDisk(guest.#directory, name, size * MIB));
      }
      return guest;
    } catch (error) {
      await guest.remove();
      throw error;
    }
  }

  constructor(rig, settings) {
    this.#rig = rig;
    this.#settings = settings;
    this.#directory = claimDirectory(settings.name);
    this.#log = openSync(this.consoleFile, 'a');
  }

  get directory() {
    return this.#directory;
  }

  get consoleFile() {
    return join(this.#directory, 'console.log');
  }

  get door() {
    if (this.#door === null) throw new RigError('the guest is not running');
    return this.#door;
  }

  /** Starts the machine and waits until commands can be run in it. @returns {Promise<number>} the seconds it took */
  async boot() {
    const started = process.hrtime.bigint();
    try {
      for (const disk of this.#disks.slice(this.#servers.length)) this.#servers.push(await serveDisk(disk, this.#log));
      await this.#start();
    } catch (error) {
      throw new RigError(`the guest does not boot: ${error.message}\n${this.consoleEnd()}`);
    }
    this.boots += 1;
    return Number(process.hrtime.bigint() - started) / 1e9;
  }

  async #start() {
    const qmp = join(this.#directory, 'qmp');
    const network = this.#settings.network ?? null;
    const words = network === null ? [] : [`rig.address=${network.address}/24`, `rig.hostname=${network.name}`];
    const args = qemuArguments({
      accelerator: this.#rig.accelerator,
      image: this.#rig.image,
      memoryMiB: this.#settings.memoryMiB ?? MEMORY_MIB,
      disks: this.#disks,
      readOnlyDisks: this.#rig.readOnlyDisks,
      qmp,
      network,
      words,
    });
    rmSync(qmp, { force: true });
    const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', this.#rig.qemu, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#qemu = qemu;
    await this.#untilUp(qemu);
    this.#door = { port: await sshPort(qmp), key: this.#rig.image.key, control: join(this.#directory, 'ssh') };
    writeFileSync(join(this.#directory, DOOR), JSON.stringify(this.#door));
    await openDoor(this.#door, 60_000);
  }

  #untilUp(qemu) {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new RigError('it takes too long')), BOOT_LIMIT_MS);
      let recent = '';
      const hear = (bytes) => {
        writeSync(this.#log, bytes);
        recent = (recent + bytes.toString('latin1')).slice(-4096);
        if (recent.includes('rig: guest is up')) end(resolve);
      };
      const end = (then) => {
        clearTimeout(limit);
        recent = '';
        then();
      };
      qemu.stdout.on('data', hear);
      qemu.stderr.on('data', hear);
      qemu.once('error', (error) => end(() => reject(new RigError(`QEMU cannot be started: ${error.message}`))));
      qemu.once('exit', (status, signal) =>
        end(() => reject(new RigError(`QEMU ended (${String(status ?? signal)}) before the guest was up`))),
      );
    });
  }

  /** Runs a command, as ./ssh.mjs says; the project is in /snapcommit. */
  run(argv, options) {
    return runThrough(this.door, argv, options);
  }

  /** Runs a command that must succeed; returns what it wrote to stdout. */
  async must(argv, options) {
    const result = await this.run(argv, options);
    if (result.status === 0) return result.stdout;
    throw new RigError(`in the guest, ${argv.join(' ')} ended with ${String(result.status)}:\n${result.output}`);
  }

  /** Copies one small file into the guest. */
  async copyIn(from, to) {
    await this.must(['dd', `of=${to}`, 'status=none'], { inputFile: from });
  }

  /** @returns {Promise<Buffer>} one small file of the guest */
  async copyOut(from) {
    const result = await this.run(['cat', from]);
    if (result.status !== 0) throw new RigError(`cannot read ${from} in the guest: ${result.output}`);
    return result.bytes;
  }

  /** Shuts the guest down in order and boots it again. */
  async reboot() {
    await this.run(['systemctl', '--no-block', 'reboot']);
    await this.#ended();
    return this.boot();
  }

  /**
   * Takes the power away: every write that the guest has not flushed is lost. QEMU is stopped first, so that the guest does
   * not see its disks go before it goes itself.
   */
  async cutPower() {
    this.#qemu?.kill('SIGSTOP');
    await Promise.all(this.#servers.splice(0).map((server) => killed(server)));
    if (this.#qemu !== null) await killed(this.#qemu);
    this.#forgetMachine();
  }

  async #ended() {
    if (this.#qemu !== null && this.#qemu.exitCode === null && this.#qemu.signalCode === null) {
      await new Promise((resolve) => this.#qemu.once('exit', resolve));
    }
    this.#forgetMachine();
  }

  #forgetMachine() {
    this.#qemu = null;
    this.#door = null;
    rmSync(join(this.#directory, DOOR), { force: true });
  }

  /** The checkout as it is now goes along at the next boot. */
  async renewProject() {
    this.#rig = { ...this.#rig, readOnlyDisks: await projectDisks() };
  }

  /** Ends the guest and forgets its disks. */
  async remove() {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    await this.cutPower();
    closeSync(this.#log);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The last lines of the serial console. */
  consoleEnd(lines = 60) {
    return readFileSync(this.consoleFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }
}

function killed(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const end = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  return end;
}
