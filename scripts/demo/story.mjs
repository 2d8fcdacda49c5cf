// The story itself, from an empty machine to a verified history.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCounters, Stage, VOLUMES } from './stage.mjs';
import { tellStory } from './telling.mjs';

/** Tells the story; answers the exit status. */
export async function runDemo({ directory, json }) {
  return tellStory({ json }, async (narrator, use) =>
    new Story(narrator, use(new Stage({ directory })), directory).tell(),
  );
}

class Story {
  #tell;
  #stage;
  #directory;

  constructor(narrator, stage, directory) {
    this.#tell = narrator;
    this.#stage = stage;
    this.#directory = directory;
  }

  async tell() {
    await this.#setUp();
    await this.#capture();
    await this.#read();
    await this.#transact();
    await this.#crash();
    await this.#restore();
    await this.#verify();
  }

  async #cli(args, options = {}) {
    return this.#tell.snapcommit(args, { stateDirectory: this.#stage.stateDirectory, ...options });
  }

  async #ask(args) {
    return this.#tell.ask(args, this.#stage.stateDirectory);
  }

  #lives() {
    return Object.fromEntries(VOLUMES.map((volume) => [volume, this.#stage.live(volume)]));
  }

  async #paths(generation) {
    const { volumes } = await this.#ask(['open', `app@${String(generation)}`]);
    return Object.fromEntries(Object.entries(volumes).map(([name, { path }]) => [name, path]));
  }

  async #setUp() {
    const [db, wal] = VOLUMES.map((volume) => this.#stage.live(volume));
    this.#tell.step(
      'Two volumes and a program that writes to both',
      this.#directory
        ? 'An application keeps its database in one directory and its log in another. No root and no btrfs here:\nthe directory driver copies plain trees.'
        : 'An application keeps its database on one btrfs filesystem and its log on another (two files on loop devices\nhere). A filesystem can snapshot itself atomically, but nothing makes two snapshots belong together.',
    );
    this.#stage.makeVolumes();
    await this.#stage.startWriter();
    this.#tell.note(`A writer now counts upwards: first into ${join(db, 'counter')},`);
    this.#tell.note(`then the same number into ${join(wal, 'counter')}, and so on for ever.`);
    const driver = this.#directory ? ['--driver', 'directory'] : [];
    const freeze = this.#stage.cgroup === null ? [] : ['--freeze-cgroup', this.#stage.cgroup];
    await this.#cli(['init', '--node', 'demo']);
    await this.#cli(['volume', 'add', 'db', '--source', db, ...driver]);
    await this.#cli(['volume', 'add', 'wal', '--source', wal, ...driver]);
    await this.#cli(['group', 'create', 'app', '--volume', 'db', '--volume', 'wal', ...freeze]);
  }

  async #capture() {
    this.#tell.step(
      'One commit of both, while the writer runs',
      this.#directory
        ? 'Nothing can freeze the writer here, and a copy takes time: the generation says of itself that it is fuzzy.'
        : 'The writer’s cgroup stands still for some milliseconds, both volumes are staged, and one entry in the log\nmakes them generation 1. --require barrier would rather abort than deliver less.',
    );
    const require = this.#directory ? [] : ['--require', 'barrier'];
    await this.#cli(['commit', 'app', '--message', 'first', ...require]);
    const { consistency } = await this.#ask(['show', 'app@1']);
    const counters = readCounters(await this.#paths(1));
    const seen = `db ${String(counters.db)}, wal ${String(counters.wal)}`;
    if (this.#directory) {
      this.#tell.check(
        'the grade is said honestly',
        consistency.grade === 'fuzzy',
        `grade ${consistency.grade}; ${seen}`,
      );
      return;
    }
    this.#tell.check(
      'the grade is barrier',
      consistency.grade === 'barrier',
      `stall ${String(consistency.stallMs)} ms`,
    );
    this.#tell.check(
      'the counters tie out: db is equal to wal or one ahead',
      counters.db - counters.wal <= 1 && counters.db >= counters.wal,
      seen,
    );
  }

  async #read() {
    this.#tell.step(
      'Reading a generation',
      'open names the paths that hold it; exec runs a command with it standing at the live paths, in private mounts,\nso that a backup program needs no new paths.',
    );
    await this.#cli(['open', 'app']);
    const wanted = readCounters(await this.#paths(1));
    const counter = join(this.#stage.live('db'), 'counter');
    const { stdout } = await this.#exec(['app@1'], ['cat', counter]);
    const live = readFileSync(counter, 'utf8');
    this.#tell.check(
      'exec showed the committed counter at the live path',
      Number(stdout) === wanted.db,
      `committed ${String(wanted.db)}, live by now ${String(Number(live))}`,
    );
  }

  /** exec with private mounts; where this user may have none, with the paths in the environment. */
  async #exec(target, command) {
    if (await this.#mountsWork()) return this.#cli(['exec', ...target, '--', ...command]);
    this.#tell.note('(this user may not have private mounts here, so the paths come in SNAPCOMMIT_VOLUME_<NAME>)');
    return this.#cli(['exec', ...target, '--no-mount', '--', 'sh', '-c', 'cat "$SNAPCOMMIT_VOLUME_DB/counter"']);
  }

  async #mountsWork() {
    const { checks } = await this.#ask(['doctor']);
    return checks.find((entry) => entry.check === 'mounts')?.result === 'ok';
  }

  async #transact() {
    this.#tell.step(
      'Changing both volumes as one',
      'transact runs a command on writable clones and swaps them in only if it succeeds. The writer is stopped first:\nnobody may write to the live trees meanwhile, and snapcommit checks that.',
    );
    await this.#stage.stop();
    const before = readCounters(this.#lives());
    const mounts = await this.#mountsWork();
    const flag = mounts ? [] : ['--no-mount'];
    const script = `for v in "$SNAPCOMMIT_VOLUME_DB" "$SNAPCOMMIT_VOLUME_WAL"; do echo 1000000000 > "$v/counter"; done`;
    await this.#cli(['transact', 'app', '--message', 'set both counters', ...flag, '--', 'sh', '-c', script]);
    const after = readCounters(this.#lives());
    this.#tell.check(
      'both live volumes changed',
      after.db === 1_000_000_000 && after.wal === 1_000_000_000,
      `from ${String(before.db)} to ${String(after.db)}`,
    );

    this.#tell.note('The next command changes one volume and then fails:');
    const failing = `echo 7 > "$SNAPCOMMIT_VOLUME_DB/counter"; exit 3`;
    await this.#cli(['transact', 'app', ...flag, '--', 'sh', '-c', failing], { wanted: 3 });
    const untouched = readCounters(this.#lives());
    this.#tell.check(
      'it left no trace in the live volumes',
      untouched.db === after.db && untouched.wal === after.wal,
      `db ${String(untouched.db)}`,
    );
    this.#tell.check(
      'and no leftovers beside them',
      this.#leftovers().length === 0,
      this.#leftovers().join(', ') || 'none',
    );
    this.#tell.check('and no generation', (await this.#ask(['list', 'app'])).length === 2, 'app@1 and app@2');
  }

  #leftovers() {
    const hidden = /^\.(staged|clone|trash)~/;
    return VOLUMES.flatMap((volume) => {
      const directory = join(this.#stage.directory, volume, '.snapcommit', volume);
      return existsSync(directory) ? readdirSync(directory).filter((name) => hidden.test(name)) : [];
    });
  }

  async #crash() {
    this.#tell.step(
      'Killing a commit at the worst moments',
      'SIGKILL just before the commit point: the generation never existed. SIGKILL right after it: it exists, and\nrecovery finishes what was decided.',
    );
    await this.#cli(['commit', 'app', '--message', 'killed before'], { crashAt: 'commit.before', wanted: null });
    await this.#cli(['status']);
    await this.#cli(['recover']);
    this.#tell.check('the old generation is the newest', (await this.#newest()) === 2, 'app@2');
    this.#tell.check(
      'nothing is left of the killed one',
      this.#leftovers().length === 0,
      this.#leftovers().join(', ') || 'nothing',
    );
    await this.#cli(['commit', 'app', '--message', 'killed after'], { crashAt: 'commit.after', wanted: null });
    await this.#cli(['recover']);
    this.#tell.check(
      'the new generation is there, whole',
      (await this.#newest()) === 3 && Object.keys(await this.#paths(3)).length === 2,
      'app@3',
    );
    const { actions } = await this.#ask(['recover']);
    this.#tell.check('a second recover finds nothing to do', actions.length === 0, `${String(actions.length)} actions`);
  }

  async #newest() {
    const { groups } = await this.#ask(['status']);
    return groups[0].generation;
  }

  async #restore() {
    this.#tell.step(
      'Going back to the first generation',
      'restore makes a new generation out of an old one and swaps it in on both volumes. The generations in between\nstay, and so do the trees that were replaced, until they are pruned.',
    );
    const first = readCounters(await this.#paths(1));
    await this.#cli(['restore', 'app@1', '--message', 'back to the start']);
    const live = readCounters(this.#lives());
    this.#tell.check(
      'the live volumes show the first generation again',
      live.db === first.db && live.wal === first.wal,
      `db ${String(live.db)}, wal ${String(live.wal)}`,
    );
    await this.#cli(['diff', 'app@3', 'app@4']);
  }

  async #verify() {
    this.#tell.step('Checking everything', 'Every snapshot of every manifest: there, itself, and unchanged.');
    await this.#cli(['verify']);
    await this.#cli(['list', 'app']);
    await this.#cli(['status']);
  }
}
