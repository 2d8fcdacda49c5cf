// The story of volumes on several machines: one cut through all of them, and the deaths of whoever drives it.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Lab } from './lab.mjs';
import { readCounters, Stage } from './stage.mjs';
import { Teller, tellStory } from './telling.mjs';

/** Each machine's volumes, in the order in which the writers write. */
const MACHINES = { north: ['db', 'wal'], east: ['blobs', 'index'], south: ['media', 'logs'] };
/** Where the second writer hears the first. */
const WRITER_PORT = 7500;

/** Tells the story; answers the exit status. */
export async function runHostsDemo({ json }) {
  return tellStory({ json }, async (narrator, use) => {
    const stages = Object.entries(MACHINES).map(([name, volumes]) =>
      use(new Stage({ directory: false, name, volumes })),
    );
    const lab = use(new Lab(stages[0].directory));
    const machines = Object.keys(MACHINES).map((name, index) => {
      const machine = lab.machine(name);
      return Object.assign(machine, { stage: stages[index], volumes: MACHINES[name] });
    });
    await new HostsStory(narrator, machines).tell();
  });
}

class HostsStory {
  #tell;
  #at;
  #machines;
  #north;
  #east;
  #south;
  #newest = 0;

  constructor(narrator, machines) {
    this.#tell = narrator;
    this.#at = new Teller(narrator);
    this.#machines = machines;
    [this.#north, this.#east, this.#south] = machines;
  }

  async tell() {
    await this.#setUp();
    await this.#cutAcross();
    await this.#read();
    await this.#dieBefore();
    await this.#dieAfter();
    await this.#goBack();
    await this.#verify();
  }

  async #setUp() {
    this.#tell.step(
      'Three machines, six volumes, one application',
      'The machines north, east and south have network namespaces, addresses and disks of their own here: two btrfs\nfilesystems each. The application keeps its database and its log on north, its blobs and their index on east, media and\nlogs on south. A log that all three keep (a majority decides) says what was committed.',
    );
    const [first, ...others] = this.#machines;
    await this.#at.on(first, ['init', '--node', first.name]);
    await this.#at.on(first, ['cluster', 'init', '--address', first.address]);
    await this.#at.start(first);
    for (const machine of others) {
      await this.#at.join(machine, first);
      await this.#at.on(first, ['cluster', 'add', machine.name]);
    }
    for (const { stage } of this.#machines) stage.makeVolumes();
    await this.#startWriters();
    for (const machine of this.#machines)
      for (const volume of machine.volumes)
        await this.#at.on(machine, ['volume', 'add', volume, '--source', machine.stage.live(volume)]);
    const volumes = this.#machines.flatMap((machine) => machine.volumes.flatMap((volume) => ['--volume', volume]));
    const writers = [first, this.#east].flatMap(({ name, stage }) => ['--freeze-cgroup', `${name}:${stage.cgroup}`]);
    await this.#at.on(first, ['group', 'create', 'app', ...volumes, ...writers]);
  }

  async #startWriters() {
    const [host] = this.#east.address.split(':');
    const address = `${host}:${String(WRITER_PORT)}`;
    await this.#east.stage.startRelay({ own: address, within: this.#east.within });
    await this.#north.stage.startRelay({ next: address, within: this.#north.within });
    this.#tell.note(
      'Two writers run: north’s writes a number into db, then into wal, and sends it to east’s, which writes',
    );
    this.#tell.note('it into blobs, then into index, and answers; then comes the next number, and so on for ever.');
  }

  async #cutAcross() {
    this.#tell.step(
      'One commit of all of them, while the writers run',
      'Both writers stand still for some milliseconds. Only when both stand, all six volumes are staged; only when all are\nstaged, the writers go on; and one entry in the log makes the six snapshots generation 1. Any machine may ask for it.',
    );
    for (const machine of this.#machines) await this.#commit(machine, `asked for on ${machine.name}`);
    const { consistency } = await this.#at.ask(this.#south, ['show', `app@${String(this.#newest)}`]);
    this.#tell.check('its grade is barrier', consistency.grade === 'barrier', stallsOf(consistency));
  }

  async #commit(machine, message) {
    await this.#at.on(machine, ['commit', 'app', '--require', 'barrier', '--message', message]);
    this.#newest += 1;
    await this.#checkTie(this.#newest);
  }

  async #checkTie(generation) {
    const counters = await this.#counters(generation);
    const numbers = Object.values(counters);
    const holds = numbers.every((number, index) => index === 0 || number <= numbers[index - 1]);
    this.#tell.check(
      `in app@${String(generation)} the counters tie out across the machines`,
      holds && numbers[0] - numbers.at(-1) <= 1,
      Object.entries(counters)
        .map(([volume, counter]) => `${volume} ${String(counter)}`)
        .join(', '),
    );
  }

  /** What a generation holds, each machine asked for its own volumes. */
  async #counters(generation) {
    const counters = {};
    for (const machine of [this.#north, this.#east]) {
      const { volumes } = await this.#at.ask(machine, ['open', `app@${String(generation)}`]);
      const paths = machine.volumes.map((volume) => [volume, volumes[volume].path]);
      Object.assign(counters, readCounters(Object.fromEntries(paths)));
    }
    return counters;
  }

  async #read() {
    this.#tell.step(
      'Reading a generation',
      'open names the paths on the machine where it is asked, and for the other volumes the machine that has them. Whoever\nneeds one version on several machines names the generation.',
    );
    for (const machine of [this.#south, this.#east]) await this.#at.on(machine, ['open', 'app@1']);
    const { volumes } = await this.#at.ask(this.#south, ['open', 'app@1']);
    this.#tell.check(
      'on south its own volumes have paths, and the others a machine',
      volumes.media.path !== null && volumes.db.path === null && volumes.db.node === 'north',
    );
  }

  async #dieBefore() {
    this.#tell.step(
      'The coordinator’s machine dies just before the commit point',
      'A commit on north has staged every volume. Right before its decision the command is ended by SIGKILL, and in the same\nmoment north’s daemon: nobody on north can clean up. The others see that nobody drives the transaction any more, and one\nof them takes it over: it was not decided, so it is aborted, and what it staged on them is deleted.',
    );
    await this.#killCommit('commit.before', 'never to be');
    const began = performance.now();
    await this.#at.on(this.#east, ['status']);
    await this.#at.until('the transaction is aborted', async () => this.#nothingOpen());
    this.#tell.note(`(decided ${((performance.now() - began) / 1000).toFixed(1)} s after the first look)`);
    await this.#at.on(this.#south, ['transaction', 'list']);
    this.#tell.check('no generation came of it', (await this.#listed(this.#east)) === this.#newest);
    await this.#at.until('nothing of it is left', async () => this.#leftovers([this.#east, this.#south]).length === 0);
    this.#tell.check('nothing of it is left on east and south', true, 'no hidden snapshots');
    const after = this.#live(this.#east).blobs;
    this.#tell.check('the writers had been let go all the same', this.#live(this.#east).blobs >= after);
    await this.#at.start(this.#north);
    await this.#at.until('north has cleaned up', async () => this.#leftovers([this.#north]).length === 0);
    this.#tell.check('nor on north, which finds out when it is back', true, 'no hidden snapshots');
    await this.#commit(this.#north, 'after the death');
  }

  async #dieAfter() {
    this.#tell.step(
      'The coordinator’s machine dies right after the commit point',
      'This time the decision is in the log when north dies. East and south publish their parts by themselves; the generation\nis committed, and what is missing is only that north, when it is back, publishes its own part.',
    );
    await this.#killCommit('commit.after', 'decided, then killed');
    this.#newest += 1;
    const here = [this.#east, this.#south];
    await this.#at.until('east and south have published', async () =>
      (await Promise.all(here.map(async (machine) => this.#stands(machine)))).every(Boolean),
    );
    await this.#at.on(this.#east, ['open', `app@${String(this.#newest)}`]);
    await this.#at.on(this.#south, ['status']);
    this.#tell.check(`app@${String(this.#newest)} is committed`, (await this.#listed(this.#south)) === this.#newest);
    await this.#at.start(this.#north);
    await this.#at.on(this.#north, ['open', `app@${String(this.#newest)}`]);
    this.#tell.check('north has published its part before it serves a reader', this.#standsOnDisk(this.#north));
    await this.#checkTie(this.#newest);
    await this.#at.on(this.#south, ['recover']);
    const { actions } = await this.#at.ask(this.#east, ['recover']);
    this.#tell.check('nobody finds anything to do any more', actions.length === 0, `${String(actions.length)} actions`);
  }

  async #killCommit(crashAt, message) {
    const args = ['commit', 'app', '--require', 'barrier', '--message', message];
    const onStart = (child) => child.once('exit', () => this.#north.killNow());
    await this.#at.on(this.#north, args, { crashAt, wanted: null, onStart });
    this.#tell.note(`(and in the same moment: kill -9 of north’s daemon)`);
    await this.#north.endDaemon('SIGKILL');
  }

  async #nothingOpen() {
    const { groups } = await this.#at.ask(this.#east, ['status']);
    return groups[0].open === null;
  }

  async #listed(machine) {
    return (await this.#at.ask(machine, ['list', 'app'])).at(-1).generation;
  }

  async #stands(machine) {
    return this.#standsOnDisk(machine);
  }

  #standsOnDisk({ stage, volumes }) {
    return volumes.every((volume) => existsSync(join(publishDirectory(stage, volume), `app@${String(this.#newest)}`)));
  }

  #live({ stage, volumes }) {
    return readCounters(Object.fromEntries(volumes.map((volume) => [volume, stage.live(volume)])));
  }

  #leftovers(machines) {
    return machines.flatMap(({ stage, volumes }) =>
      volumes.flatMap((volume) =>
        readdirSync(publishDirectory(stage, volume)).filter((name) => /^\.(staged|clone|trash)~/.test(name)),
      ),
    );
  }

  async #goBack() {
    this.#tell.step(
      'Going back to the first generation, everywhere',
      'restore makes a new generation out of an old one and swaps it in on all machines. The writers are stopped first:\nnobody may write to the live trees meanwhile, and snapcommit checks that on each machine.',
    );
    for (const { stage } of this.#machines) await stage.stop();
    const first = await this.#counters(1);
    await this.#at.on(this.#east, ['restore', 'app@1', '--message', 'back to the start']);
    this.#newest += 1;
    const live = { ...this.#live(this.#north), ...this.#live(this.#east) };
    this.#tell.check(
      'the live volumes of both machines show the first generation again',
      Object.entries(first).every(([volume, counter]) => live[volume] === counter),
      Object.entries(live)
        .map(([volume, counter]) => `${volume} ${String(counter)}`)
        .join(', '),
    );
  }

  async #verify() {
    this.#tell.step(
      'Checking everything',
      'Every snapshot of every generation, each on its own machine; and what anybody sees.',
    );
    for (const machine of this.#machines) await this.#at.on(machine, ['verify']);
    await this.#at.on(this.#south, ['list', 'app']);
    await this.#at.on(this.#south, ['status']);
  }
}

function publishDirectory(stage, volume) {
  return join(stage.directory, volume, '.snapcommit', volume);
}

function stallsOf({ stallMs, skewMs, hosts = [] }) {
  const each = hosts.map(({ node, stallMs: ms }) => `${node} ${String(ms)} ms`).join(', ');
  return `writers stood still ${String(stallMs)} ms at most (${each}); all were staged within ${String(skewMs)} ms`;
}
