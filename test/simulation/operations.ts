/** What the simulation's clients append. */
import type { Begin, Epoch, GroupRecord, Operation, TransactionId } from '#src/machine/entry.js';

/** The volume and the group of the transactions; other appends leave them alone. */
export const VOLUME = 'g1';
export const GROUP = 'app';
const NODE = 'n';

/** Made for the operation of this number. */
export type Making = (id: number) => Operation;

export function changing(volume: string, adds: boolean): Making {
  return (id) => (adds ? addVolume(volume, id) : { type: 'removeVolume', volume });
}

function addVolume(name: string, id: number): Operation {
  const source = `/${name}#${String(id)}`;
  const publishDirectory = `${source}/p`;
  return {
    type: 'addVolume',
    volume: { name, node: NODE, driver: 'memory', source, publishDirectory, filesystem: 'f' },
  };
}

export function createGroup(): Operation {
  const group: GroupRecord = {
    name: GROUP,
    volumes: [VOLUME],
    freezeCgroups: [],
    freezeUnits: [],
    stopUnits: [],
    require: null,
    stallLimitMs: 5000,
    preHooks: [],
    postHooks: [],
  };
  return { type: 'createGroup', group };
}

const coordinator = { node: NODE, bootId: 'b', pid: 1, startTime: 1 };

export function beginning(id: number): Begin {
  return {
    type: 'begin',
    transaction: `01h${String(id).padStart(23, '0')}` as TransactionId,
    mode: 'capture',
    group: GROUP,
    members: [{ volume: VOLUME, node: NODE, driver: 'memory', base: null }],
    freezeTargets: [],
    coordinator,
    deadline: 1_700_000_060_000,
    expectGeneration: null,
    sourceGeneration: null,
    message: '',
    labels: {},
  };
}

export function takingOver(transaction: TransactionId): Operation {
  return { type: 'takeOver', transaction, coordinator };
}

export function committing(transaction: TransactionId, epoch: Epoch): Operation {
  return {
    type: 'commit',
    transaction,
    epoch,
    manifest: {
      consistency: { grade: 'independent', stallMs: 0, skewMs: 0, frozen: [], hosts: [] },
      volumes: [{ volume: VOLUME, node: NODE, driver: 'memory', staged: '.staged', id: 'u1', swap: null }],
    },
  };
}

export function aborting(transaction: TransactionId, epoch: Epoch): Operation {
  return { type: 'abort', transaction, epoch, code: 'CONFLICT', reason: 'the simulation says so' };
}

export function publishing(generation: number): Operation {
  return { type: 'published', group: GROUP, generation, node: NODE, volumes: null };
}

export function holding(generation: number, tag: string, adds: boolean): Operation {
  return { type: adds ? 'addHold' : 'releaseHold', group: GROUP, generation, tag };
}
