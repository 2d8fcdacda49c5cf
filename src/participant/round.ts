/**
 * One round of the cut on this node, from the volumes' locks to the thaw. Between freeze and thaw there are the snapshot
 * calls, the wait for the other nodes, and nothing else. Each step may be asked for twice and is done once.
 */
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { ManifestVolume, VolumeRecord } from '../machine/entry.js';
import type { HeldLock } from '../ports/locks.js';
import type { RoundName, RoundReport } from '../ports/participant.js';
import type { ArmedFreeze, Freeze } from '../ports/writers.js';
import { allDone } from './all-done.js';
import { atVolume } from './at-volume.js';
import type { Context } from './context.js';
import { assertEpoch } from './epoch.js';
import { acquireFence, underLocks, volumeLock } from './fence.js';
import { flushUntilQuick } from './flush.js';
import { hiddenName, partOf, type Part } from './part.js';
import { prepareVolume } from './prepare-volume.js';
import { closeStages, openStages, stagedVolumes, type OpenStage, type UnderLocks } from './stages.js';

/** Everything that can be done while writers run. Leaves nothing behind when it rejects. `isQuiesced`: by this very process. */
export async function prepareRound(context: Context, name: RoundName, isQuiesced: boolean): Promise<Round> {
  const part = partOf(context, await context.log.read(), name);
  if (!isQuiesced && part.group.preHooks.length > 0) throw awake(context);
  const arming = arm(context, part);
  // Arming may fail while we wait for something else: the failure is met at `await arming` below.
  arming.catch(() => undefined);
  const held = new Map<string, HeldLock>();
  let stages: readonly OpenStage[] = [];
  const places = part.members.map(({ place }) => place);
  try {
    for (const { name: volume } of places) held.set(volume, await acquireFence(context, volumeLock(volume)));
    await assertEpoch(context, name);
    await allDone(
      places.map(async (place) =>
        underLocksOf(held, [place], async () =>
          prepareVolume(context, await context.driver(place.driver), place, name.epoch),
        ),
      ),
    );
    const under: UnderLocks = async (of, action) => underLocksOf(held, of, action);
    stages = await openStages(context, places, hiddenName(context, part, 'staged', name), under);
    const armed = await arming;
    context.report({ kind: 'phase', phase: 'flush', subject: part.begin.group });
    const flush = async (): Promise<unknown> =>
      allDone(
        places.map(async (place) =>
          underLocksOf(held, [place], async () =>
            atVolume(place, async () => (await context.driver(place.driver)).flush(place)),
          ),
        ),
      );
    // Where nobody is going to stand still there is nothing to be saved.
    await (armed === null ? flush() : flushUntilQuick(context.clock, flush));
    return new Round(context, armed, stages, held);
  } catch (error) {
    // Also what was still being armed when something else failed: neither a guard nor an intent stays behind.
    await (await arming.catch(() => null))?.disarm();
    await closeStages(stages);
    for (const lock of held.values()) lock.release();
    throw error;
  }
}

type HeldVolumes = ReadonlyMap<string, HeldLock>;

/** Of these volumes only: a pool that hangs must not keep another one's volumes from whoever comes after us. */
async function underLocksOf<T>(
  held: HeldVolumes,
  places: readonly VolumeRecord[],
  action: () => Promise<T>,
): Promise<T> {
  return underLocks(
    places.flatMap(({ name }) => held.get(name) ?? []),
    action,
  );
}

async function arm(context: Context, { begin, group, targets }: Part): Promise<ArmedFreeze | null> {
  if (targets.length === 0) return null;
  const writers = await context.writers();
  return writers.arm(begin.transaction, targets, group.stallLimitMs);
}

export class Round {
  readonly #context: Context;
  readonly #stages: readonly OpenStage[];
  readonly #held: HeldVolumes;
  /** Until the freeze, which disarms itself from there on: where thawing fails it keeps its intent, for `thaw --all` (G3). */
  #armed: ArmedFreeze | null;
  #freeze: Freeze | null = null;
  #skewMs = 0;
  #freezing: Promise<void> | null = null;
  #staging: Promise<void> | null = null;
  #thawing: Promise<RoundReport> | null = null;
  #ending: Promise<void> | null = null;

  constructor(context: Context, armed: ArmedFreeze | null, stages: readonly OpenStage[], held: HeldVolumes) {
    this.#context = context;
    this.#armed = armed;
    this.#stages = stages;
    this.#held = held;
  }

  async freeze(): Promise<void> {
    this.#assertGoingOn();
    return (this.#freezing ??= this.#freezeAll());
  }

  async #freezeAll(): Promise<void> {
    const armed = this.#armed;
    this.#armed = null;
    if (armed !== null) this.#freeze = await armed.freeze();
  }

  /** Rejects with the first volume's failure once every call has come back: none outlives its round here (G11). */
  async stage(): Promise<void> {
    this.#assertGoingOn();
    return (this.#staging ??= this.#stageAll());
  }

  async #stageAll(): Promise<void> {
    crashPoint('stage.before');
    const { clock } = this.#context;
    const started = clock.monotonic();
    const taken = await Promise.allSettled(
      this.#stages.map(async ({ places, call }) => {
        await underLocksOf(this.#held, places, async () => atVolume(places[0], async () => call.take()));
        crashPoint('stage.after-first');
      }),
    );
    this.#skewMs = Math.ceil(clock.monotonic() - started);
    crashPoint('stage.after');
    const failed = taken.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Only after `stage` has resolved. */
  async thaw(): Promise<RoundReport> {
    return (this.#thawing ??= this.#thawAndReport());
  }

  async #thawAndReport(): Promise<RoundReport> {
    this.#assertGoingOn();
    if (this.#staging === null) throw new TypeError('a round is thawed before it was staged');
    try {
      const released = await this.#freeze?.release();
      const { unbroken = true, reason = null, stallMs = 0 } = released ?? {};
      const volumes = (await Promise.all(this.#stages.map(async (stage) => this.#volumesOf(stage)))).flat();
      const frozen = this.#freeze?.frozen ?? [];
      return { unbroken, reason, stallMs: Math.ceil(stallMs), skewMs: this.#skewMs, frozen, volumes };
    } finally {
      await this.end();
    }
  }

  async #volumesOf(stage: OpenStage): Promise<readonly ManifestVolume[]> {
    return underLocksOf(this.#held, stage.places, async () => stagedVolumes(stage));
  }

  /** Lets go of everything, the writers first, once the step that is under way has come back. Never rejects. */
  async end(): Promise<void> {
    return (this.#ending ??= this.#letGo());
  }

  async #letGo(): Promise<void> {
    await this.#freezing?.catch(() => undefined);
    await this.#freeze?.release();
    await this.#staging?.catch(() => undefined);
    await this.#armed?.disarm();
    this.#armed = null;
    await closeStages(this.#stages);
    for (const lock of this.#held.values()) lock.release();
  }

  #assertGoingOn(): void {
    if (this.#ending !== null) throw lapsed('the round has ended');
  }
}

/** The application may run again: a cut now would claim a grade that it has not. */
function awake({ self }: Context): SnapcommitError {
  return new SnapcommitError(
    'HOOK_FAILED',
    `node ${self.node} was restarted after its pre-hooks had run, so the application may be running there`,
    { node: self.node },
  );
}

export function lapsed(reason: string): SnapcommitError {
  return new SnapcommitError(
    'FREEZE_LAPSED',
    `the writers did not stand still until every volume was staged: ${reason}`,
    { reason },
  );
}
