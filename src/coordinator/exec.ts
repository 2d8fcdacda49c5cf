/**
 * `snapcommit exec GROUP[@GEN] -- COMMAND`: run a command with one generation standing at the live paths. The pin is
 * chosen before the first use; its kernel lock and the shared swap locks are inherited by the command, so that they
 * live as long as any of its processes (T9, T13).
 */
import { SnapcommitError } from '../errors.js';
import { generationKey } from '../machine/keys.js';
import { nodeOf } from '../machine/queries.js';
import type { GenerationRecord, State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { pinLock, swapLock } from '../participant/fence.js';
import { makeTransactionId } from '../participant/names.js';
import { messageOf, placeOf } from '../participant/publish.js';
import { volumeVariables } from '../participant/volume-variables.js';
import type { HeldLock } from '../ports/locks.js';
import { append } from '../participant/append.js';
import { isStale } from './open-stale.js';
import { open, requireLocal, type Opened } from './open.js';

export interface ExecRequest {
  readonly group: string;
  readonly generation: number | null;
  readonly command: readonly string[];
  /** False: no private mounts; the paths are in SNAPCOMMIT_VOLUME_<NAME>. */
  readonly mount: boolean;
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdout: 'inherit' | 'stderr';
  /** Hears which generation it is, before the command runs. */
  readonly onOpened?: (generation: number) => void;
  readonly signal: AbortSignal;
}

/** Resolves to the command's own exit status (128 + n for a signal). */
export async function exec(context: Context, request: ExecRequest): Promise<number> {
  const sandbox = await context.sandbox();
  const probe = request.mount ? await sandbox.probe() : null;
  if (probe?.mounts === 'no') {
    throw new SnapcommitError(
      'UNSUPPORTED',
      `private mounts do not work here (${probe.reason ?? 'unknown'}); use --no-mount.`,
    );
  }
  const { record } = await open(context, { group: request.group, generation: request.generation, hold: null });
  const state = await context.log.read();
  requireLocal(context, state, record);
  tellOthers(context, state, record);
  request.onOpened?.(record.generation);
  return isStale(context) ? runUnpinned(context, request, record) : runPinned(context, request, record);
}

async function runPinned(context: Context, request: ExecRequest, record: GenerationRecord): Promise<number> {
  const pin = String(makeTransactionId(context.clock.now(), context.random.bytes(16)));
  const locks = await context.locks();
  const held: HeldLock[] = [await locks.acquire(pinLock(pin), 'exclusive', context.settings.lockWaitMs)];
  try {
    await append(context, {
      type: 'addPin',
      pin,
      group: record.group,
      generation: record.generation,
      holder: context.self,
    });
    held.push(...(await lockSwaps(context, record)));
    // Opened again now that it is pinned: a prune may have taken it before the pin was chosen.
    const opened = await open(context, { group: record.group, generation: record.generation, hold: null });
    return await run(context, request, opened, held);
  } finally {
    for (const lock of held) lock.release();
    await unpin(context, pin);
  }
}

/** Without a majority nothing can be pinned. No swap takes the live trees away all the same, and what stood is looked at again. */
async function runUnpinned(context: Context, request: ExecRequest, record: GenerationRecord): Promise<number> {
  const key = generationKey(record.group, record.generation);
  context.report({
    kind: 'warning',
    message: `stale: ${key} as of slot ${String(context.log.staleSlot)}; this node cannot reach a majority, so nothing keeps ${key} from being pruned meanwhile`,
  });
  const held = await lockSwaps(context, record);
  try {
    const opened = await open(context, { group: record.group, generation: record.generation, hold: null });
    return await run(context, request, opened, held);
  } finally {
    for (const lock of held) lock.release();
  }
}

async function lockSwaps(context: Context, record: GenerationRecord): Promise<readonly HeldLock[]> {
  const locks = await context.locks();
  const held: HeldLock[] = [];
  try {
    for (const { volume } of record.manifest.volumes)
      held.push(await locks.acquire(swapLock(volume), 'shared', context.settings.lockWaitMs));
    return held;
  } catch (error) {
    for (const lock of held) lock.release();
    throw error;
  }
}

/** What does not stand at the live paths here is somewhere else, and whoever runs the command should know. */
function tellOthers(context: Context, state: State, record: GenerationRecord): void {
  const others = record.manifest.volumes.filter((volume) => nodeOf(state, volume) !== context.self.node);
  if (others.length === 0) return;
  const named = others.map((volume) => `${volume.volume} (node ${nodeOf(state, volume)})`).join(', ');
  const key = generationKey(record.group, record.generation);
  context.report({
    kind: 'warning',
    message: `of ${key} the command does not see ${named}, which are not on this node`,
  });
}

async function run(context: Context, request: ExecRequest, opened: Opened, held: readonly HeldLock[]): Promise<number> {
  const state = await context.log.read();
  const trees = Object.entries(opened.volumes).flatMap(([volume, { path }]) =>
    path === null ? [] : [{ volume, path, at: placeOf(state, volume).source }],
  );
  const variables = volumeVariables(trees.map(({ volume, path, at }) => ({ volume, path: request.mount ? at : path })));
  const sandbox = await context.sandbox();
  const { group, generation } = opened.record;
  const result = await sandbox.run({
    command: request.command,
    placements: trees.map(({ path, at }) => ({ from: path, at, readOnly: true })),
    mount: request.mount,
    environment: {
      ...request.environment,
      ...variables,
      SNAPCOMMIT_GROUP: group,
      SNAPCOMMIT_GENERATION: String(generation),
    },
    workingDirectory: request.workingDirectory,
    cgroup: null,
    inheritedFds: held.map((lock) => lock.fd),
    stdout: request.stdout,
    signal: request.signal,
  });
  return result.status;
}

/** A pin whose command left processes behind stays until they are gone; recovery releases it. */
async function unpin(context: Context, pin: string): Promise<void> {
  const locks = await context.locks();
  if (locks.holders(pinLock(pin)).length > 0) return;
  await append(context, { type: 'releasePin', pin }).catch((error: unknown) => {
    const isMissing = error instanceof SnapcommitError && error.code === 'PIN_NOT_FOUND';
    if (!isMissing)
      context.report({ kind: 'warning', message: `the pin stays until \`snapcommit recover\`: ${messageOf(error)}` });
  });
  locks.forget(pinLock(pin));
}
