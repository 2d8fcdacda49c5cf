/** What this node could contribute to a transaction that began now. */
import { SnapcommitError } from '../errors.js';
import type { VolumeRecord } from '../machine/entry.js';
import { lookup } from '../machine/record.js';
import type { State } from '../machine/state.js';
import type { Survey, SurveyedVolume, SurveyRequest } from '../ports/participant.js';
import { atVolume } from './at-volume.js';
import type { Context } from './context.js';
import { findExported } from './exports.js';
import { assertNestedAdded, nestedBeside } from './nested.js';
import { finishPublishes } from './publishing.js';
import { assertStamps } from './stamps.js';

export async function survey(context: Context, request: SurveyRequest): Promise<Survey> {
  const { mode, cgroups, units } = request;
  const state = await readyState(context);
  const places = request.volumes.map((volume) => placeHere(context, state, volume));
  const volumes = await Promise.all(
    places.map(async (place) => atVolume(place, async () => surveyVolume(context, state, place, request))),
  );
  const freezes = mode === 'capture' && cgroups.length + units.length > 0;
  const targets = freezes ? await (await context.writers()).resolve(cgroups, units) : [];
  const exported =
    mode === 'capture'
      ? await findExported(
          context.files,
          places.map(({ source }) => source),
        )
      : null;
  return { volumes, cgroups: targets.map(({ cgroup }) => cgroup), exported, now: context.clock.now() };
}

/** The state, after checking the volumes' stamps and finishing publishes that wait for this node. */
export async function readyState(context: Context): Promise<State> {
  const state = await context.log.read();
  await assertStamps(context.files, state, context.log);
  if (Object.keys(state.pending).length === 0) return state;
  await finishPublishes(context, state).catch((error: unknown) => {
    // One may go on beside an unpublished capture; begin itself refuses where a member's swap is pending (T1).
    context.report({ kind: 'warning', message: error instanceof Error ? error.message : String(error) });
  });
  return context.log.read();
}

function placeHere(context: Context, state: State, volume: string): VolumeRecord {
  const place = lookup(state.volumes, volume)?.record;
  if (place === undefined) throw new SnapcommitError('VOLUME_NOT_FOUND', `there is no volume ${volume}.`, { volume });
  const { node } = context.self;
  if (place.node === node) return place;
  throw new SnapcommitError('UNSUPPORTED', `volume ${volume} is on node ${place.node}; this node is ${node}.`, {
    volume,
    node: place.node,
  });
}

async function surveyVolume(
  context: Context,
  state: State,
  place: VolumeRecord,
  { mode, volumes }: SurveyRequest,
): Promise<SurveyedVolume> {
  const driver = await context.driver(place.driver);
  const live = await driver.live(place);
  assertNestedAdded(state, place, live.nested ?? []);
  const beside = nestedBeside(state, place, live.nested ?? [], volumes);
  if (beside !== null) context.report({ kind: 'warning', message: beside });
  if (mode !== 'capture') {
    if (live.readOnly) throw readOnlyLive(place);
    const { exchange } = await driver.inspect(place.name, place.source, place.publishDirectory);
    if (!exchange.possible) throw notExchangeable(place, exchange.reason);
  }
  const { pointInTime } = driver.capabilities;
  return { volume: place.name, driver: place.driver, base: live.id, pointInTime };
}

function notExchangeable({ name }: VolumeRecord, reason: string): SnapcommitError {
  return new SnapcommitError('UNSUPPORTED', `volume ${name} can be captured but not replaced: ${reason}`, {
    volume: name,
  });
}

function readOnlyLive(place: VolumeRecord): SnapcommitError {
  return new SnapcommitError(
    'VOLUME_UNAVAILABLE',
    `the live tree ${place.source} of volume ${place.name} is read-only, so it cannot be replaced. ` +
      'If an interrupted swap left it so, `snapcommit recover` makes it writable.',
    { volume: place.name, path: place.source },
  );
}
