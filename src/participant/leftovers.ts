/**
 * What stands in a publish directory and what it is to us: to keep, provably ours and dead, or somebody else's. PURE
 * apart from its callers: it judges names against the state. Only what is provably ours and dead is ever deleted
 * (T11); a zombie that a late kernel call left behind (G11) is found here by its name.
 */
import { lookup } from '../machine/record.js';
import type { State } from '../machine/state.js';
import { generationKey } from '../machine/keys.js';
import { isLive } from '../machine/queries.js';
import type { LogIdentity } from '../ports/log.js';
import { isTemporary, parsePublished, parseStaged, parseTrash } from './names.js';

export type Verdict =
  | { readonly kind: 'keep' }
  | { readonly kind: 'dead'; readonly reason: string }
  | { readonly kind: 'foreign'; readonly reason: string };

const KEEP: Verdict = { kind: 'keep' };

/**
 * Judges one name. `state` must have been read after the name was listed. `stamped`: the publish directory's stamp is
 * our log's. `aborting`: open transactions that the caller is going to abort count as aborted.
 */
export function judgeName(
  name: string,
  state: State,
  identity: LogIdentity,
  stamped: boolean,
  aborting: ReadonlySet<string>,
): Verdict {
  const trash = parseTrash(name);
  if (trash !== null) return judgeOwner(trash.cluster, identity, 'its deletion was interrupted');
  const staged = parseStaged(name);
  if (staged !== null) return judgeStaged(name, staged, state, identity, aborting);
  if (stamped && isTemporary(name)) return { kind: 'dead', reason: 'writing it was interrupted' };
  const published = parsePublished(name);
  if (published !== null) return judgePublished(published, state, stamped);
  return KEEP;
}

function judgeOwner(cluster: string, identity: LogIdentity, reason: string): Verdict {
  if (cluster === identity.cluster) return { kind: 'dead', reason };
  return { kind: 'foreign', reason: `it belongs to another log (cluster ${cluster})` };
}

function judgeStaged(
  name: string,
  staged: NonNullable<ReturnType<typeof parseStaged>>,
  state: State,
  identity: LogIdentity,
  aborting: ReadonlySet<string>,
): Verdict {
  if (staged.cluster !== identity.cluster) return judgeOwner(staged.cluster, identity, '');
  if (staged.epoch.incarnation !== identity.incarnation || staged.epoch.slot > state.applied) {
    return { kind: 'foreign', reason: 'it comes from a part of the log that we do not have' };
  }
  if (lookup(state.open, staged.transaction) !== undefined && !aborting.has(staged.transaction)) return KEEP;
  if (isAwaitingPublish(name, state)) return KEEP;
  return { kind: 'dead', reason: `transaction ${staged.transaction} is over and did not publish it` };
}

function isAwaitingPublish(name: string, state: State): boolean {
  return Object.values(state.pending).some((pending) =>
    pending.record.manifest.volumes.some((volume) => volume.staged === name || volume.swap?.cloneName === name),
  );
}

function judgePublished(
  published: NonNullable<ReturnType<typeof parsePublished>>,
  state: State,
  stamped: boolean,
): Verdict {
  const { group, generation } = published;
  if (!stamped) return { kind: 'foreign', reason: 'the directory carries no stamp of this log' };
  if (isLive(state, group, generation)) return KEEP;
  if (lookup(state.pending, generationKey(group, generation)) !== undefined) return KEEP;
  const newest = lookup(state.groups, group)?.newest ?? lookup(state.retiredNewest, group) ?? 0;
  if (generation > newest) return { kind: 'foreign', reason: 'this log never committed such a generation' };
  return { kind: 'dead', reason: `generation ${generationKey(group, generation)} is retired` };
}
