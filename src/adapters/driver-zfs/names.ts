/**
 * Names of the port, and what they are called in ZFS. PURE.
 *
 * A snapshot has its name in the publish directory as its own, spelled with what ZFS allows there (letters, digits and
 * `-_.:`): `app@12` is `tank/db@app:12`, and `~` is written `:-`. A writable tree is a dataset whose name says nothing
 * (`.snapcommit-tree-` and a number) and whose entry stands in a property, so that renaming one moves no mount.
 */
/** Of a dataset, and of a dataset with its snapshot. */
export const NAME_BYTES_MAX = 255;
/** The longest name that a participant gives: a staged one, of a group with the longest name, and some digits to spare. */
export const ENTRY_BYTES_MAX = 175;
/** The directory that holds publish directories, and the dataset that holds theirs. */
export const HIDDEN = '.snapcommit';
const TREE_PREFIX = '.snapcommit-tree-';
/** Of the number that a tree is called by: random, or the replaced dataset's guid, in base 16. */
export const TREE_DIGITS = 16;

const PLAIN = /[A-Za-z0-9._-]/;

/** The port's name as a component of a ZFS name; `decodeName` gives it back. */
export function encodeName(name: string): string {
  let text = '';
  const bytes = Buffer.from(name);
  for (const [index, byte] of bytes.entries()) {
    const character = String.fromCharCode(byte);
    if (PLAIN.test(character)) text += character;
    else if (character === '~') text += ':-';
    else if (character === '@' && !isMark(bytes[index + 1])) text += ':';
    else text += `:x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}

/** What after a colon means something else than `@`. */
function isMark(byte: number | undefined): boolean {
  return byte !== undefined && '-x'.includes(String.fromCharCode(byte));
}

/** Null where the text is not what `encodeName` makes of any name. */
export function decodeName(text: string): string | null {
  const bytes: number[] = [];
  for (let at = 0; at < text.length;) {
    const [, hex] = /^:x([0-9a-f]{2})/.exec(text.slice(at, at + 4)) ?? [];
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (text.startsWith(':-', at)) bytes.push('~'.charCodeAt(0));
    else bytes.push((text[at] === ':' ? '@' : (text[at] ?? '')).charCodeAt(0));
    at += hex !== undefined ? 4 : text.startsWith(':-', at) ? 2 : 1;
  }
  const name = Buffer.from(bytes).toString('utf8');
  return encodeName(name) === text ? name : null;
}

/** Of an entry that is no generation: staged, a clone, trash. */
export function isHiddenName(name: string): boolean {
  return name.startsWith('.');
}

export function treeComponent(id: string): string {
  return `${TREE_PREFIX}${id}`;
}

/** Of a tree that is called after a dataset's guid. */
export function treeComponentOf(guid: string): string {
  return treeComponent(BigInt(guid).toString(16).padStart(TREE_DIGITS, '0'));
}

/** Whether this is what we call a writable tree: a dataset's last component, and its mount point in the publish directory. */
export function isTreeComponent(component: string): boolean {
  return component.startsWith(TREE_PREFIX);
}

/** The snapshot, of these (with or without their datasets), that `dataset` cannot have by its length; promotion refuses it, too. */
export function tooLong(dataset: string, snapshots: readonly string[]): string | null {
  const names = snapshots.map((name) => splitSnapshot(name)?.snapshot ?? name);
  return names.find((name) => Buffer.byteLength(dataset) + 1 + Buffer.byteLength(name) > NAME_BYTES_MAX) ?? null;
}

/** `tank` of `tank/db`; null for a pool's root dataset. */
export function parentOf(dataset: string): string | null {
  const slash = dataset.lastIndexOf('/');
  return slash < 0 ? null : dataset.slice(0, slash);
}

export function lastComponent(dataset: string): string {
  return dataset.slice(dataset.lastIndexOf('/') + 1);
}

export function poolOf(dataset: string): string {
  return /^[^/@]*/.exec(dataset)?.[0] ?? dataset;
}

/** `tank/db` and `app:12` of `tank/db@app:12`; null for what is no snapshot. */
export function splitSnapshot(name: string): { readonly dataset: string; readonly snapshot: string } | null {
  const at = name.indexOf('@');
  return at < 0 ? null : { dataset: name.slice(0, at), snapshot: name.slice(at + 1) };
}
