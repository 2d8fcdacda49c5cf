/** One story in a whole system, told by a test: what happens is in its hands, what must hold is checked all the time. */
import type { Test } from 'tap';
import { commitWork, type CommandWork } from './commands.js';
import { becomeTidy, runToEnd, settle } from './crash-case.js';
import { describeEnding } from './judge.js';
import type { SimProcess } from './sim-process.js';
import { SystemWorld } from './system-world.js';
import type { Command, WorldOptions } from './world-options.js';

const THREE: WorldOptions = {
  seed: 1,
  nodes: ['a', 'b', 'c'],
  volumes: ['a:db', 'b:wal', 'b:blobs'],
  hooks: false,
  writes: true,
  traced: false,
};

export class Story {
  readonly world: SystemWorld;
  readonly #commands: Command[] = [];

  private constructor(options: Partial<WorldOptions>) {
    this.world = new SystemWorld({ ...THREE, ...options });
  }

  /** Generation 1 is committed when it begins, unless `isNew`. */
  static async begin(options: Partial<WorldOptions> = {}, isNew = false): Promise<Story> {
    const story = new Story(options);
    await story.world.begin();
    if (!isNew) await runToEnd(story.world, 'a', 'first', commitWork('first'));
    return story;
  }

  run(on: string, name: string, work: CommandWork): Command {
    const command = this.world.run(this.world.machine(on), name, work);
    this.#commands.push(command);
    return command;
  }

  /** Once, at the first effect of that name. */
  when(wanted: RegExp, act: (process: SimProcess) => void): void {
    this.world.onBoundary = (process, what, moment) => {
      if (!wanted.test(`${moment} ${what} of ${process.identity.node} ${process.name}`)) return;
      this.world.onBoundary = () => undefined;
      act(process);
    };
  }

  /** How it ended, such as `ended with 0`. */
  async endOf(command: Command): Promise<string> {
    await this.world.until(() => command.ending() !== null, 60_000, `end of ${command.name}`);
    const ending = command.ending();
    return ending === null ? 'did not end' : describeEnding(ending);
  }

  messageOf(command: Command): string {
    const ending = command.ending();
    return ending?.kind === 'failed' && ending.error instanceof Error ? ending.error.message : '';
  }

  /** Everything comes to rest by itself, the next commit works, and no law was broken all along. */
  async finish(t: Test, { commitsLast = true } = {}): Promise<void> {
    const { world } = this;
    if (world.violation === null) await (commitsLast ? settle(world, 'a') : becomeTidy(world, 'at the end'));
    for (const command of this.#commands)
      world.judging(() => {
        const ending = command.ending();
        if (ending !== null && !/^(recover|open|prune)/.test(command.name))
          world.judge.assertTrue(command.name, ending);
      });
    t.equal(world.violation, null, 'no law was broken, nothing is left, and the next commit works');
  }
}
