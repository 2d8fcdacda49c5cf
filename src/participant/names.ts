/**
 * The names that snapcommit gives to things inside a publish directory, made and read back. PURE.
 *
 *   app@12                                    the published snapshot of generation 12 of group app
 *   app@12.replaced                           the live tree that generation 12's swap replaced
 *   app@12.manifest.json                      generation 12's manifest, for rebuilding a lost log
 *   app@current                               a fixed link through the host's view
 *   .staged~CLUSTER~GROUP~TX~INC.SLOT~ROUND   a hidden snapshot that this round of this transaction staged
 *   .clone~CLUSTER~GROUP~TX~INC.SLOT~ROUND    a hidden writable clone
 *   .trash~CLUSTER~ID                         claimed for deletion: whoever renamed it owns it
 *   .stamp                                    a link whose text says which log has acted here, and how far
 *   .source                                   a link whose text is the path of the live tree that is published here
 *
 * `~` and `@` never occur in a group's name, so reading back is unambiguous.
 */
import { SnapcommitError } from '../errors.js';
import type { Epoch, Slot, TransactionId } from '../machine/entry.js';

export type StagedKind = 'staged' | 'clone';

export interface StagedName {
  readonly kind: StagedKind;
  readonly cluster: string;
  readonly group: string;
  readonly transaction: TransactionId;
  readonly epoch: Epoch;
  readonly round: number;
}

export const STAMP_NAME = '.stamp';

export function formatStaged(name: StagedName): string {
  const epoch = `${String(name.epoch.incarnation)}.${String(name.epoch.slot)}`;
  return `.${name.kind}~${name.cluster}~${name.group}~${name.transaction}~${epoch}~${String(name.round)}`;
}

export function parseStaged(text: string): StagedName | null {
  const match = /^\.(staged|clone)~([^~]+)~([^~]+)~([^~]+)~(\d+)\.(\d+)~(\d+)$/.exec(text);
  if (match === null) return null;
  const [, kind, cluster = '', group = '', transaction = '', incarnation, slot, round] = match;
  return {
    kind: kind === 'clone' ? 'clone' : 'staged',
    cluster,
    group,
    transaction: transaction as TransactionId,
    epoch: { incarnation: Number(incarnation), slot: Number(slot) as Slot },
    round: Number(round),
  };
}

export function publishedName(group: string, generation: number): string {
  return `${group}@${String(generation)}`;
}

export function replacedName(group: string, generation: number): string {
  return `${publishedName(group, generation)}.replaced`;
}

export function manifestName(group: string, generation: number): string {
  return `${publishedName(group, generation)}.manifest.json`;
}

export function currentName(group: string): string {
  return `${group}@current`;
}

export function trashName(cluster: string, id: string): string {
  return `.trash~${cluster}~${id}`;
}

export function parseTrash(text: string): { readonly cluster: string } | null {
  const match = /^\.trash~([^~]+)~[^~]+$/.exec(text);
  return match?.[1] === undefined ? null : { cluster: match[1] };
}

/** `app@12`, `app@12.replaced` and `app@12.manifest.json`, read back. */
export function parsePublished(
  text: string,
): { readonly group: string; readonly generation: number; readonly part: 'snapshot' | 'replaced' | 'manifest' } | null {
  const match = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})@([1-9]\d*)(\.replaced|\.manifest\.json)?$/.exec(text);
  if (match === null) return null;
  const [, group = '', generation, suffix] = match;
  const part = suffix === '.replaced' ? 'replaced' : suffix === '.manifest.json' ? 'manifest' : 'snapshot';
  return { group, generation: Number(generation), part };
}

/** Links and files that were being written under a temporary name: `.stamp.new`, `.app@current.new`, `app@12.manifest.json.new`. */
export function isTemporary(text: string): boolean {
  return /^(\.stamp|\.[^~@]+@current|[^~@]+@\d+\.manifest\.json)\.new$/.test(text);
}

/** What is no snapshot but a file or a link of ours, deleted by unlinking. */
export function isPlain(text: string): boolean {
  return isTemporary(text) || parsePublished(text)?.part === 'manifest';
}

/** `name`, where it can stand in a publish directory. @throws NAME_INVALID */
export function entryName(volume: { readonly name: string }, name: string): string {
  const length = Buffer.byteLength(name);
  if (length > 0 && length <= NAME_BYTES_MAX && name !== '.' && name !== '..' && !/[/\0]/.test(name)) return name;
  throw new SnapcommitError(
    'NAME_INVALID',
    `volume ${volume.name}: ${JSON.stringify(name)} is not a single path component; an entry of a publish directory must be one`,
    { volume: volume.name, name },
  );
}

/** Of a file. */
const NAME_BYTES_MAX = 255;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * A transaction id: 10 characters of time (ms since the epoch) and 16 of randomness in Crockford's base 32, so that ids
 * sort by time (the ULID layout).
 */
export function makeTransactionId(now: number, randomness: Uint8Array): TransactionId {
  let time = '';
  for (let rest = now, index = 0; index < 10; index += 1, rest = Math.floor(rest / 32)) {
    time = (ALPHABET[rest % 32] ?? '') + time;
  }
  const tail = Array.from(randomness.subarray(0, 16), (byte) => ALPHABET[byte % 32] ?? '').join('');
  return (time + tail) as TransactionId;
}
