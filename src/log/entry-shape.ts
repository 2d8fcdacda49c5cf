/** The shapes of what the log stores: entries and archived generations. Follows machine/entry.ts field by field. */
import { ERROR_CODES } from '../errors.js';
import {
  GRADES,
  type AppendKey,
  type Consistency,
  type DriverName,
  type Entry,
  type Epoch,
  type GroupRecord,
  type HostConsistency,
  type Manifest,
  type ManifestVolume,
  type Member,
  type Operation,
  type ProcessIdentity,
  type Slot,
  type TransactionId,
  type TransactionMode,
  type VolumeRecord,
} from '../machine/entry.js';
import type { GenerationRecord } from '../machine/state.js';
import {
  list,
  literal,
  natural,
  nullable,
  object,
  oneOf,
  optional,
  record,
  text,
  variants,
  yesNo,
  type Check,
} from '../wire/shape.js';

export const slotShape: Check<Slot> = (value, where) => natural(value, where) as Slot;
const transactionId: Check<TransactionId> = (value, where) => text(value, where) as TransactionId;
const driver = oneOf<DriverName>(['btrfs', 'zfs', 'directory', 'memory']);
const mode = oneOf<TransactionMode>(['capture', 'transact', 'restore']);
const grade = oneOf(GRADES);
const texts = list(text);
/** A field that entries from before it do not have. */
const falseIfMissing: Check<boolean> = (value, where) => (value === undefined ? false : yesNo(value, where));

const epoch = object<Epoch>({ incarnation: natural, slot: slotShape });
const holder = object<ProcessIdentity>({ node: text, bootId: text, pid: natural, startTime: natural });
export const volumeShape = object<VolumeRecord>({
  name: text,
  node: text,
  driver,
  source: text,
  publishDirectory: text,
  filesystem: text,
});
export const groupShape = object<GroupRecord>({
  name: text,
  volumes: texts,
  freezeCgroups: texts,
  freezeUnits: texts,
  stopUnits: texts,
  require: nullable(grade),
  stallLimitMs: natural,
  preHooks: texts,
  postHooks: texts,
});
const member = object<Member>({ volume: text, node: text, driver, base: nullable(text) });
const manifestVolume = object<ManifestVolume>({
  volume: text,
  node: text,
  driver,
  staged: text,
  id: text,
  swap: nullable(object<NonNullable<ManifestVolume['swap']>>({ base: text, clone: text, cloneName: text })),
});
const hostConsistency = object<HostConsistency>({ node: text, stallMs: natural, skewMs: natural });
const consistency = object<Consistency>({
  grade,
  stallMs: natural,
  skewMs: natural,
  frozen: texts,
  hosts: (value, where) => (value === undefined ? [] : list(hostConsistency)(value, where)),
});
const manifest = object<Manifest>({ consistency, volumes: list(manifestVolume) });

const operation = variants<Operation>({
  addVolume: object({ type: literal('addVolume'), volume: volumeShape }),
  removeVolume: object({ type: literal('removeVolume'), volume: text }),
  forfeitVolume: object({ type: literal('forfeitVolume'), volume: text }),
  moveVolume: object({
    type: literal('moveVolume'),
    volume: text,
    node: text,
    source: text,
    publishDirectory: text,
    filesystem: text,
  }),
  createGroup: object({ type: literal('createGroup'), group: groupShape }),
  updateGroup: object({ type: literal('updateGroup'), group: groupShape, replaces: optional(groupShape) }),
  removeGroup: object({ type: literal('removeGroup'), group: text, generations: list(natural) }),
  begin: object({
    type: literal('begin'),
    transaction: transactionId,
    mode,
    group: text,
    members: list(member),
    freezeTargets: texts,
    coordinator: holder,
    deadline: natural,
    expectGeneration: nullable(natural),
    sourceGeneration: nullable(natural),
    message: text,
    labels: record(text),
  }),
  takeOver: object({ type: literal('takeOver'), transaction: transactionId, coordinator: holder }),
  commit: object({ type: literal('commit'), transaction: transactionId, epoch, manifest }),
  abort: object({ type: literal('abort'), transaction: transactionId, epoch, code: oneOf(ERROR_CODES), reason: text }),
  published: object({
    type: literal('published'),
    group: text,
    generation: natural,
    node: text,
    volumes: optional(texts),
  }),
  retire: object({ type: literal('retire'), group: text, generations: list(natural) }),
  addHold: object({ type: literal('addHold'), group: text, generation: natural, tag: text }),
  releaseHold: object({ type: literal('releaseHold'), group: text, generation: natural, tag: text }),
  addPin: object({ type: literal('addPin'), pin: text, group: text, generation: natural, holder }),
  releasePin: object({ type: literal('releasePin'), pin: text }),
  addToken: object({ type: literal('addToken'), hash: text, expires: natural, node: nullable(text) }),
  useToken: object({
    type: literal('useToken'),
    hash: text,
    node: text,
    key: optional(text),
    address: text,
  }),
  putMember: object({ type: literal('putMember'), node: text, address: text }),
  removeMember: object({ type: literal('removeMember'), node: text, forfeit: falseIfMissing }),
  drainNode: object({ type: literal('drainNode'), node: text }),
  undrainNode: object({ type: literal('undrainNode'), node: text }),
});

export const entryShape: Check<Entry> = object<Entry>({
  at: natural,
  request: nullable(object<NonNullable<Entry['request']>>({ id: text, digest: text })),
  append: optional(object<AppendKey>({ client: text, sequence: natural, since: slotShape })),
  operation,
});

export const generationShape: Check<GenerationRecord> = object<GenerationRecord>({
  group: text,
  generation: natural,
  transaction: transactionId,
  mode,
  epoch,
  slot: slotShape,
  committedAt: natural,
  message: text,
  labels: record(text),
  sourceGeneration: nullable(natural),
  manifest,
});

/** For what nodes ask of each other about transactions. */
export {
  driver as driverShape,
  epoch as epochShape,
  manifestVolume as manifestVolumeShape,
  mode as modeShape,
  transactionId as transactionIdShape,
};
