/**
 * A seeded world for the core: three replicas, a network that loses, repeats and reorders, crashes in the middle of a
 * step's effects and restarts from what was persisted. The checks are independent of the core's own invariants.
 */
import assert from 'node:assert/strict';
import type { NodeId } from '#src/paxos/ballot.js';
import { dropThrough, entryAt, lastSlot, replaceAfter, slot, type LogEntry } from '#src/paxos/contiguous-log.js';
import type { Effect, Input, Write } from '#src/paxos/effects.js';
import type { Envelope } from '#src/paxos/messages.js';
import { step } from '#src/paxos/replica.js';
import { NOTHING_DURABLE, restore, type Durable, type Replica } from '#src/paxos/state.js';
import { bytes, textOf, three } from './support.js';

/** mulberry32. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

interface Node {
  readonly id: NodeId;
  replica: Replica;
  durable: Durable;
}

export class World {
  readonly #below: (below: number) => number;
  readonly #nodes: readonly Node[];
  #network: Envelope[] = [];
  /** What each slot was chosen to hold, by whoever said so first. */
  readonly chosen = new Map<number, LogEntry>();
  readonly #proposed = new Set<string>();
  readonly #ours = new Map<string, string>();
  /** Texts that a proposer was told are chosen. */
  readonly acknowledged = new Set<string>();
  /** Ballots that were ever used for a proposal or a prepare, with the run of the process that used them. */
  readonly #ballots = new Map<string, string>();
  #runs = 0;
  readonly #run = new Map<NodeId, number>();
  crashes = 0;

  constructor(seed: number) {
    this.#below = randomFrom(seed);
    this.#nodes = three.voters.map((id) => ({
      id,
      replica: restore(id, three, NOTHING_DURABLE),
      durable: NOTHING_DURABLE,
    }));
  }

  act(): void {
    const node = this.#pick(this.#nodes);
    const dice = this.#below(100);
    if (dice < 60) this.#deliver();
    else if (dice < 63) this.#input(node, { kind: 'campaign', entries: this.#fresh(this.#below(2)) });
    else if (dice < 75) this.#input(node, { kind: 'propose', entries: this.#fresh(1 + this.#below(3)) });
    else if (dice < 88) this.#input(node, { kind: 'resend' });
    else if (dice < 91) this.#restart(node);
    else if (dice < 93) this.#compact();
    else this.#network.splice(this.#below(this.#network.length + 1), 1);
  }

  /** A world without faults: one node leads, and everyone ends with the same log, all of it decided. */
  heal(): void {
    this.#network = [];
    const [leader] = this.#nodes;
    assert.ok(leader);
    for (let round = 0; round < 40; round += 1) {
      if (leader.replica.role.kind !== 'leading') this.#input(leader, { kind: 'campaign', entries: [] });
      this.#input(leader, { kind: 'resend' });
      for (let message = this.#network.shift(); message !== undefined; message = this.#network.shift())
        this.#hand(message);
    }
    for (const node of this.#nodes) {
      assert.equal(node.durable.decided, lastSlot(node.durable.log), `${node.id} has decided all that it holds`);
      assert.equal(node.durable.decided, leader.durable.decided, `${node.id} has what the leader has`);
    }
    const texts = new Set([...this.chosen.values()].map(textOf));
    for (const text of this.acknowledged) assert.ok(texts.has(text), `${text} was acknowledged and is lost`);
    for (let at = 1; at <= leader.durable.decided; at += 1)
      assert.ok(this.chosen.has(at), `slot ${String(at)} was never chosen`);
  }

  #deliver(): void {
    if (this.#network.length === 0) return;
    const at = this.#below(this.#network.length);
    const message = this.#network[at];
    // One in eight is delivered and stays: a duplicate.
    if (this.#below(8) > 0) this.#network.splice(at, 1);
    if (message !== undefined) this.#hand(message);
  }

  #hand({ from, to, configuration, message }: Envelope): void {
    const node = this.#nodes.find((one) => one.id === to);
    if (node !== undefined) this.#input(node, { kind: 'receive', from, configuration, message });
  }

  #input(node: Node, input: Input): void {
    const { state, effects } = step(node.replica, input);
    const crashes = this.#below(60) === 0;
    const performed = crashes ? effects.slice(0, this.#below(effects.length + 1)) : effects;
    if (!crashes) node.replica = state;
    for (const effect of performed) this.#perform(node, effect);
    if (crashes) this.#restart(node);
  }

  #perform(node: Node, effect: Effect): void {
    switch (effect.kind) {
      case 'persist':
        node.durable = applyWrite(node.durable, effect.write);
        return;
      case 'send':
        if (effect.envelope.message.type === 'prepare') this.#useBallot(node, effect.envelope.message.ballot.round);
        this.#network.push(effect.envelope);
        return;
      case 'proposed':
        for (let n = 0; n < effect.count; n += 1)
          this.#ours.set(
            `${node.id} ${String(effect.first + n)}`,
            `${String(effect.ballot.round)}.${effect.ballot.node}`,
          );
        return;
      case 'chosen':
        effect.entries.forEach((entry, index) => {
          this.#choose(node, effect.first + index, entry);
        });
        return;
      case 'rejected':
        for (const entry of effect.entries) this.#proposed.delete(new TextDecoder().decode(entry));
        return;
      default:
        throw new Error(`${node.id} needs a checkpoint, though nothing that anyone lacks was dropped`);
    }
  }

  /** Agreement, validity, and that a majority holds it durably. */
  #choose(node: Node, at: number, entry: LogEntry): void {
    const text = textOf(entry);
    const known = this.chosen.get(at);
    if (known !== undefined) assert.equal(text, textOf(known), `slot ${String(at)} was chosen twice`);
    assert.ok(this.#proposed.has(text), `${text} was chosen and is not an open proposal`);
    const holders = this.#nodes.filter(({ durable: { log } }) => {
      const held = entryAt(log, slot(at));
      return at <= log.base || (held !== undefined && textOf(held) === text);
    });
    assert.ok(
      holders.length * 2 > this.#nodes.length,
      `slot ${String(at)} is chosen and only ${String(holders.length)} hold it`,
    );
    this.chosen.set(at, entry);
    if (this.#ours.get(`${node.id} ${String(at)}`) === `${String(entry.ballot.round)}.${entry.ballot.node}`)
      this.acknowledged.add(text);
  }

  /** D3: no two runs of a process prepare with one ballot. */
  #useBallot(node: Node, round: number): void {
    const ballot = `${String(round)}.${node.id}`;
    const run = `${node.id} ${String(this.#run.get(node.id) ?? 0)}`;
    const user = this.#ballots.get(ballot) ?? run;
    assert.ok(user === run || node.replica.role.kind !== 'preparing', `ballot ${ballot} was used by two runs`);
    this.#ballots.set(ballot, run);
  }

  #restart(node: Node): void {
    this.crashes += 1;
    this.#run.set(node.id, (this.#runs += 1));
    node.replica = restore(node.id, three, node.durable);
    for (const key of [...this.#ours.keys()]) if (key.startsWith(`${node.id} `)) this.#ours.delete(key);
  }

  /** Everyone drops what everyone has decided. */
  #compact(): void {
    const through = slot(Math.min(...this.#nodes.map((node) => node.durable.decided)));
    for (const node of this.#nodes) {
      this.#input(node, { kind: 'compact', through });
      const { log } = node.durable;
      if (through > log.base) node.durable = { ...node.durable, log: dropThrough(log, through) };
    }
  }

  #fresh(count: number): readonly Uint8Array[] {
    return Array.from({ length: count }, () => {
      const text = `p${String(this.#proposed.size)}-${String(this.#below(1 << 30))}`;
      this.#proposed.add(text);
      return bytes(text);
    });
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[this.#below(items.length)];
    assert.ok(item !== undefined);
    return item;
  }
}

function applyWrite(durable: Durable, write: Write): Durable {
  const { promised, accepted, decided, abstains } = write;
  return {
    promised,
    accepted,
    decided,
    abstains,
    log: replaceAfter(durable.log, slot(write.first - 1), write.entries),
  };
}
