/**
 * What ZFS tells of its datasets: the output of `zfs get -H -p`, read. PURE. It has this form in every version from 2.1
 * on, and tells, which `zfs list` does not, where a value comes from: user properties are inherited by snapshots and
 * children, so only a `local` one says something of the dataset that it is asked of.
 */

/** Our own properties. */
export const STAGED = 'snapcommit:staged';
export const BASE = 'snapcommit:base';
export const ENTRY = 'snapcommit:entry';
export const PLACE = 'snapcommit:place';
export const LIVE = 'snapcommit:live';
export const DEAD = 'snapcommit:dead';
/** Of a stand-in: the guid of the snapshot. */
export const STANDS_FOR = 'snapcommit:stands-for';
/** What the owner of a dataset wants for those below it: `separate` or `recursive`. */
export const CHILDREN = 'snapcommit:children';
/** They are left out, or are volumes that somebody has added by hand. */
export const SEPARATE = 'separate';
/** Each is a volume, and a commit refuses where one is not. */
export const RECURSIVE = 'recursive';
/** Of a replaced dataset: space that it let go of, and that the live one has not reserved yet. */
export const LET_GO = {
  reservation: 'snapcommit:let-go-reservation',
  refreservation: 'snapcommit:let-go-refreservation',
} as const;
/** Asks other tools to leave a dataset out; what they snapshot there could not be deleted by us. */
export const NO_AUTO_SNAPSHOT = 'com.sun:auto-snapshot';

/** What is asked of every dataset and snapshot of a volume. */
export const ASKED = [
  'type',
  'guid',
  'createtxg',
  'creation',
  'origin',
  'defer_destroy',
  'userrefs',
  'readonly',
  'mountpoint',
  'canmount',
  'encryptionroot',
  'keystatus',
  'keylocation',
  'snapdir',
  'reservation',
  'refreservation',
  'sharenfs',
  'sharesmb',
  'acltype',
  'xattr',
  'exec',
  'setuid',
  'devices',
  STAGED,
  BASE,
  ENTRY,
  PLACE,
  LIVE,
  DEAD,
  STANDS_FOR,
  CHILDREN,
  LET_GO.reservation,
  LET_GO.refreservation,
] as const;

export const COLUMNS = 'name,property,value,source';

export interface Property {
  readonly value: string;
  /** `local`, `default`, `inherited from tank`, `received`, `temporary`, `-`. */
  readonly source: string;
}

/** A dataset or a snapshot, with the properties that were asked for. */
export interface Dataset {
  readonly name: string;
  readonly properties: ReadonlyMap<string, Property>;
}

/** Everything in the output of `zfs get -H -p -o name,property,value,source`, in its order. */
export function parseProperties(output: string): readonly Dataset[] {
  const found = new Map<string, Map<string, Property>>();
  for (const line of output.split('\n')) {
    const [name, property, ...rest] = line.split('\t');
    const source = rest.pop();
    if (name === undefined || property === undefined || source === undefined) continue;
    const properties = found.get(name) ?? new Map<string, Property>();
    // a tab in a value is the value's
    properties.set(property, { value: rest.join('\t'), source });
    found.set(name, properties);
  }
  return [...found].map(([name, properties]) => ({ name, properties }));
}

/** The value of a native property; null where it has none (`-`). */
export function valueOf({ properties }: Dataset, property: string): string | null {
  const value = properties.get(property)?.value;
  return value === undefined || value === '-' ? null : value;
}

/** The value that was set on this very dataset; null where it is inherited, received or not set. */
export function localOf({ properties }: Dataset, property: string): string | null {
  const found = properties.get(property);
  return found?.source === 'local' ? found.value : null;
}

/** Set there by somebody, with `zfs set` or by a received stream. */
export function ownOf({ properties }: Dataset, property: string): string | null {
  const found = properties.get(property);
  return found?.source === 'local' || found?.source === 'received' ? found.value : null;
}

export function isSnapshot(dataset: Dataset): boolean {
  return valueOf(dataset, 'type') === 'snapshot';
}

/** The identity: it survives renames and promotions, and send and receive of a snapshot. */
export function guidOf(dataset: Dataset): string {
  const guid = valueOf(dataset, 'guid');
  if (guid === null) throw new TypeError(`zfs told no guid of ${dataset.name}`);
  return guid;
}

export function isReadOnly(dataset: Dataset): boolean {
  return valueOf(dataset, 'readonly') === 'on';
}
