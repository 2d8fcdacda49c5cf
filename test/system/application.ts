/**
 * The application whose data lies on the volumes: a writer on each machine, one counter through all of them. The first counts
 * up on its own volumes and tells the next machine's, which writes the same; so no volume is ever ahead of one before it.
 */
import type { Scheduler } from '../simulation/scheduler.js';
import type { Dice } from '../simulation/random.js';
import type { Machine } from './machine.js';
import type { PlacedVolume } from './world-options.js';

export const CGROUP = '/app';
const BEAT_MS = 7;
const WRITE_MS = 1;
const TELL_MS = 2;

export interface ApplicationUser {
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly machines: readonly Machine[];
  readonly volumes: readonly PlacedVolume[];
}

export class Application {
  /** Writes so far, of all writers: between two equal counts nobody wrote anywhere. */
  writes = 0;
  readonly #user: ApplicationUser;
  readonly #waiting = new Map<Machine, (() => void)[]>();
  #count = 0;
  #running = true;

  constructor(user: ApplicationUser) {
    this.#user = user;
  }

  start(): void {
    const [first] = this.#user.machines;
    if (first !== undefined) this.#beat(first);
  }

  stop(): void {
    this.#running = false;
  }

  /** Whoever stood still there may go on. */
  thawed(machine: Machine): void {
    for (const go of this.#waiting.get(machine)?.splice(0) ?? []) this.#when(machine, go);
  }

  #beat(first: Machine): void {
    const { scheduler, dice } = this.#user;
    scheduler.after(BEAT_MS + dice.below(3), () => {
      if (!this.#running) return;
      this.#when(first, () => {
        this.#count += 1;
        this.#write(0, this.#volumesOf(first), this.#count);
        this.#beat(first);
      });
    });
  }

  /** One volume after the other, then the next machine. */
  #write(index: number, volumes: readonly PlacedVolume[], count: number): void {
    const { scheduler, machines } = this.#user;
    const machine = machines[index];
    if (machine === undefined) return;
    const [volume, ...rest] = volumes;
    if (volume === undefined) {
      const next = machines[index + 1];
      if (next !== undefined)
        scheduler.after(TELL_MS, () => {
          this.#when(next, () => {
            this.#write(index + 1, this.#volumesOf(next), count);
          });
        });
      return;
    }
    this.#put(machine, volume, count);
    scheduler.after(WRITE_MS, () => {
      this.#when(machine, () => {
        this.#write(index, rest, count);
      });
    });
  }

  #put({ driver: { world } }: Machine, { source }: PlacedVolume, count: number): void {
    // A live tree is read-only while it is replaced: then the application meets an error, and tries its next value.
    if (world.image(source).live.readOnly) return;
    this.writes += 1;
    world.write(source, null, 'counter', String(count));
  }

  /** Now, or when its machine's writers run. */
  #when(machine: Machine, go: () => void): void {
    if (machine.isUp && !machine.freezer.isStill(CGROUP)) {
      go();
      return;
    }
    const waiting = this.#waiting.get(machine) ?? [];
    waiting.push(go);
    this.#waiting.set(machine, waiting);
  }

  #volumesOf(machine: Machine): readonly PlacedVolume[] {
    return this.#user.volumes.filter(({ node }) => node === machine.name);
  }
}
