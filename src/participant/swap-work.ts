/**
 * A swap's work on this node before the decision: clones, their seals, and the live trees closed and looked at. Nothing is
 * lost: a live tree is read-only from before the check until it is replaced (T7), and nobody may be using it.
 */
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { ManifestVolume } from '../machine/entry.js';
import { generationKey } from '../machine/keys.js';
import type { HeldLock } from '../ports/locks.js';
import type { ClonedVolume, Work } from '../ports/participant.js';
import { allDone } from './all-done.js';
import { atVolume } from './at-volume.js';
import { forgetClosed, recordClosed } from './closed-trees.js';
import type { Context } from './context.js';
import { assertEpoch } from './epoch.js';
import { swapLock, volumeLock, withFence } from './fence.js';
import { publishedName } from './names.js';
import { controlUnit, payEarlier, recordDebt, runningUnits, type Debt } from './owed.js';
import { hiddenName, partOf, type Part, type PartMember } from './part.js';
import { prepareVolume } from './prepare-volume.js';
import { messageOf } from './publish.js';
import { damageOf } from './verify.js';

const CHANGES_SHOWN = 10;
/** A swap has one round: what fails in it aborts. */
const ROUND = 1;

async function readPart(context: Context, work: Work): Promise<Part> {
  return partOf(context, await context.log.read(), work);
}

function cloneName(context: Context, part: Part, work: Work): string {
  return hiddenName(context, part, 'clone', { ...work, round: ROUND });
}

export async function cloneVolumes(context: Context, work: Work): Promise<readonly ClonedVolume[]> {
  const part = await readPart(context, work);
  await assertSourceIntact(context, part);
  const name = cloneName(context, part, work);
  const { group, sourceGeneration } = part.begin;
  const from = sourceGeneration === null ? null : publishedName(group, sourceGeneration);
  crashPoint('clone.before');
  const results = await Promise.allSettled(
    part.members.map(async ({ place }): Promise<ClonedVolume> => {
      const driver = await context.driver(place.driver);
      return withFence(context, volumeLock(place.name), async () => {
        await assertEpoch(context, work);
        await prepareVolume(context, driver, place, work.epoch);
        await atVolume(place, async () => driver.clone(place, name, from));
        crashPoint('clone.after-first');
        return { volume: place.name, path: driver.path(place, name) };
      });
    }),
  );
  crashPoint('clone.after');
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/** What somebody replaced or damaged must not become the live tree. A coordinator has looked at its own node's before. */
async function assertSourceIntact(context: Context, { begin }: Part): Promise<void> {
  const { group, sourceGeneration, coordinator } = begin;
  if (sourceGeneration === null || coordinator.node === context.self.node) return;
  const key = generationKey(group, sourceGeneration);
  const source = await context.log.generation(group, sourceGeneration);
  if (source === undefined)
    throw new SnapcommitError('GENERATION_NOT_FOUND', `there is no generation ${key} any more.`, {
      group,
      generation: sourceGeneration,
    });
  const problems = await damageOf(context, await context.log.read(), source);
  const [first] = problems;
  if (first === undefined) return;
  throw new SnapcommitError('VERIFY_FAILED', `generation ${key} is damaged, so it is not restored: ${first.problem}`, {
    group,
    generation: sourceGeneration,
    problems: problems.map(({ volume, problem }) => ({ volume, problem })),
  });
}

/** The units that were running are stopped; the debt says which, and is recorded first. Null: none. */
export async function stopUnits(context: Context, work: Work): Promise<Debt | null> {
  const { begin, group } = await readPart(context, work);
  if (group.stopUnits.length > 0) await payEarlier(context, begin.group, begin.transaction);
  const startUnits = group.stopUnits.length === 0 ? [] : await runningUnits(context, group.stopUnits);
  if (startUnits.length === 0) return null;
  const debt: Debt = { transaction: begin.transaction, group: begin.group, postHooks: [], startUnits, volumes: [] };
  await recordDebt(context, debt);
  for (const unit of startUnits) await controlUnit(context, 'stop', unit);
  return debt;
}

export async function sealClones(context: Context, work: Work): Promise<readonly ManifestVolume[]> {
  const part = await readPart(context, work);
  const name = cloneName(context, part, work);
  const staged = hiddenName(context, part, 'staged', { ...work, round: ROUND });
  crashPoint('seal.before');
  const sealed = await Promise.all(
    part.members.map(async ({ place, base }): Promise<ManifestVolume> => {
      const driver = await context.driver(place.driver);
      return withFence(context, volumeLock(place.name), async () => {
        await assertEpoch(context, work);
        const clone = (await atVolume(place, async () => driver.lookup(place, name)))?.id ?? null;
        if (clone === null) throw goneClone(place.name, driver.path(place, name));
        const { id } = await atVolume(place, async () => driver.seal(place, name, staged));
        crashPoint('seal.after-first');
        const swap = { base: base ?? '', clone, cloneName: name };
        return { volume: place.name, node: place.node, driver: place.driver, staged, id, swap };
      });
    }),
  );
  crashPoint('seal.after');
  return sealed;
}

/** Closes, then looks. `held` gets the locks that keep an `exec` away from the live paths (T9). */
export async function closeLiveTrees(context: Context, work: Work, held: HeldLock[]): Promise<void> {
  const state = await context.log.read();
  const part = partOf(context, state, work);
  const locks = await context.locks();
  for (const { place } of part.members)
    held.push(await locks.acquire(swapLock(place.name), 'exclusive', context.settings.takeOverGraceMs));
  if (Object.keys(state.members).length > 0) await recordClosed(context, part);
  crashPoint('read-only.before');
  await allDone(
    part.members.map(async ({ place, base }) => {
      const driver = await context.driver(place.driver);
      await withFence(context, volumeLock(place.name), async () => {
        await assertEpoch(context, work);
        await atVolume(place, async () => {
          const live = await driver.live(place);
          if (base !== null && live.id !== base) throw replacedMeanwhile(place.name, place.source);
          await driver.setLiveReadOnly(place, true);
        });
      });
      crashPoint('read-only.after-first');
    }),
  );
  crashPoint('read-only.after');
  await assertUnused(context, part.members);
  if (part.begin.mode === 'transact') await assertUnchanged(context, part.members, cloneName(context, part, work));
}

/** Undoes closeLiveTrees while the transaction is open and `work` speaks for it, so that nobody else's closing is undone. */
export async function reopenLiveTrees(context: Context, work: Work): Promise<boolean> {
  const closed: string[] = [];
  const { members } = await readPart(context, work);
  for (const { place, base } of members) {
    await withFence(context, volumeLock(place.name), async () => {
      await assertEpoch(context, work);
      const driver = await context.driver(place.driver);
      const live = await driver.live(place, true);
      if (live.id === base && live.readOnly) await driver.setLiveReadOnly(place, false);
    }).catch((error: unknown) => {
      closed.push(place.name);
      context.report({
        kind: 'warning',
        message: `live tree ${place.source} may still be read-only (${messageOf(error)}); run \`snapcommit recover\``,
      });
    });
  }
  if (closed.length > 0) return false;
  await forgetClosed(context, work.transaction);
  return true;
}

async function assertUnused(context: Context, members: readonly PartMember[]): Promise<void> {
  const treeUsers = await context.treeUsers();
  for (const { place } of members) {
    const users = await treeUsers.find(place.source, [context.self.pid]);
    const [first] = users;
    if (first === undefined) continue;
    throw new SnapcommitError(
      'IN_USE',
      `the live tree ${place.source} of volume ${place.name} is in use: ${first.command} (process ${String(first.pid)}) ` +
        `has ${first.path} as ${first.use}${users.length > 1 ? `, and ${String(users.length - 1)} more` : ''}. ` +
        'What it writes would be lost in the replaced tree. Stop it first, or declare its unit with `--stop-unit`.',
      { volume: place.name, users: users.slice(0, CHANGES_SHOWN).map((user) => ({ ...user })) },
    );
  }
}

async function assertUnchanged(context: Context, members: readonly PartMember[], clone: string): Promise<void> {
  const compared = await allDone(
    members.map(async ({ place }) => {
      const driver = await context.driver(place.driver);
      return { place, changed: await atVolume(place, async () => driver.changedSince(place, clone, CHANGES_SHOWN)) };
    }),
  );
  for (const { place, changed } of compared) {
    if (changed.length === 0) continue;
    throw new SnapcommitError(
      'CONFLICT',
      `the live tree ${place.source} of volume ${place.name} changed while the transaction ran ` +
        `(${changed.slice(0, 3).join(', ')}). Nothing was replaced. Run it again while nobody else writes there.`,
      { volume: place.name, changed },
    );
  }
}

function goneClone(volume: string, path: string): SnapcommitError {
  return new SnapcommitError('VOLUME_UNAVAILABLE', `the clone ${path} of volume ${volume} is gone`, { volume, path });
}

function replacedMeanwhile(volume: string, source: string): SnapcommitError {
  return new SnapcommitError(
    'CONFLICT',
    `another tree stands at ${source} (volume ${volume}) than when the transaction began`,
    { volume },
  );
}
