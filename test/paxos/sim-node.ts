/** A node of the core's simulation: what its disk holds, and what its process has in memory. */
import assert from 'node:assert/strict';
import { nodeId, type NodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { entryAt, lastSlot, logFrom, replaceAfter, slot, type LogEntry, type Slot } from '#src/paxos/contiguous-log.js';
import type { Write } from '#src/paxos/effects.js';
import { leaderOf } from '#src/paxos/election.js';
import type { Limits } from '#src/paxos/limits.js';
import { NOTHING_DURABLE, restore, type Durable, type Replica } from '#src/paxos/state.js';

export const LIMITS: Limits = {
  learnEntries: 4,
  learnBytes: 90,
  inFlightEntries: 6,
  inFlightBytes: 120,
  reads: 5,
  roundTicks: 2,
  stoppingRounds: 4,
};
export const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(nodeId);

export interface Checkpoint {
  readonly slot: Slot;
  readonly configuration: Configuration;
}

export class Node {
  readonly id: NodeId;
  durable: Durable = NOTHING_DURABLE;
  configuration: Configuration;
  replica: Replica;
  checkpoint: Checkpoint;
  /** What came from a peer, and goes into the transaction of the write that installs it. */
  fetched: Checkpoint;
  applied = 0;
  run: string;
  isGone = false;
  wiped = false;
  /** Slots where a proposal of ours stands, with its ballot. */
  readonly ours = new Map<number, string>();

  constructor(id: NodeId, configuration: Configuration) {
    this.id = id;
    this.run = `${id} 0`;
    this.configuration = configuration;
    this.checkpoint = { slot: slot(0), configuration };
    this.fetched = this.checkpoint;
    this.replica = restore(id, configuration, this.durable, LIMITS);
  }

  get excused(): boolean {
    return this.wiped || this.durable.abstains !== null;
  }

  /** Answers whether a checkpoint was installed. */
  persist({ promised, accepted, decided, abstains, first, entries, install, configuration }: Write): boolean {
    let { log } = this.durable;
    if (install !== null) {
      log = logFrom(install, entries);
      this.applied = install;
      this.checkpoint = this.fetched;
    } else log = replaceAfter(log, slot(first - 1), entries);
    this.durable = { promised, accepted, decided, abstains, log };
    this.configuration = configuration;
    return install !== null;
  }

  /** Begins anew from what is durable. As a host does it: the state comes from the checkpoint and the decided rows after it. */
  restart(run: string, apply: (at: number, entry: LogEntry) => void): void {
    this.run = run;
    this.replica = restore(this.id, this.configuration, this.durable, LIMITS);
    const { log, decided } = this.durable;
    for (this.applied = this.checkpoint.slot; this.applied < decided;) {
      const entry = entryAt(log, slot((this.applied += 1)));
      if (entry !== undefined) apply(this.applied, entry);
    }
    this.ours.clear();
  }
}

/** Without faults: one leader, and everybody of the configuration where it is. */
export function assertEven(nodes: readonly Node[], { voters, learners }: Configuration): void {
  const members = nodes.filter(({ id }) => [...voters, ...learners].includes(id));
  const state = describe(members);
  const [leader, ...others] = members.filter(({ replica }) => replica.role.kind === 'leading');
  assert.ok(leader !== undefined && others.length === 0, `not one leader: ${state}`);
  for (const { replica } of members) {
    assert.equal(replica.decided, lastSlot(leader.replica.log), `${replica.self} lags: ${state}`);
    assert.equal(leaderOf(replica) ?? leader.id, leader.id);
    assert.notEqual(replica.abstains?.kind, 'damaged', `${replica.self} is not healed: ${state}`);
  }
}

export function describe(nodes: readonly Node[]): string {
  return nodes
    .map(
      ({ replica: r }) =>
        `${r.self}:${r.role.kind} c${String(r.configuration.id)} ${String(r.decided)}/${String(lastSlot(r.log))}${r.abstains?.kind ?? ''}`,
    )
    .join(' ');
}
