/**
 * The hosts of the core's simulation: each gives its replica inputs and does what the effects say, in the order that
 * effects.ts demands, and sometimes dies in the middle of it and comes back with what was persisted.
 */
import assert from 'node:assert/strict';
import type { NodeId } from '#src/paxos/ballot.js';
import type { Effect, Input } from '#src/paxos/effects.js';
import type { Envelope } from '#src/paxos/messages.js';
import { step } from '#src/paxos/replica.js';
import type { Judge } from './judge.js';
import type { Network } from './sim-network.js';
import type { Node } from './sim-node.js';
import { textOf } from './support.js';

/** So many inputs may share one sync. */
const BATCH = 3;

export class Hosts {
  readonly nodes: readonly Node[];
  /** How often what happened. */
  readonly counts = new Map<string, number>();
  readonly #below: (below: number) => number;
  readonly #network: Network;
  readonly #judge: Judge;
  #transfers: { readonly to: Node; readonly from: NodeId }[] = [];
  #runs = 0;

  constructor(nodes: readonly Node[], below: (below: number) => number, network: Network, judge: Judge) {
    this.nodes = nodes;
    this.#below = below;
    this.#network = network;
    this.#judge = judge;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Sometimes the host takes several inputs with one sync, and sometimes it dies between two effects. */
  input(node: Node, ...inputs: readonly Input[]): void {
    const more = this.#below(6) === 0 ? this.#network.takeFor(node.id, BATCH) : [];
    const all = [...inputs, ...more.map(received)];
    if (this.#below(80) > 0) return this.perform(node, ...all);
    this.count('crash');
    const effects = stepAll(node, all);
    const performed = effects.slice(0, this.#below(effects.length + 1));
    for (const effect of performed) this.#effect(node, effect);
    this.restart(node);
  }

  /** Without a fault. */
  perform(node: Node, ...inputs: readonly Input[]): void {
    const back: Envelope[] = [];
    for (const effect of stepAll(node, inputs)) {
      const isOwn = effect.kind === 'send' && effect.envelope.to === node.id;
      if (isOwn) back.push(effect.envelope);
      else this.#effect(node, effect);
    }
    for (const envelope of back) this.perform(node, received(envelope));
  }

  /** To whom it is for, if that one is still there. */
  deliver(envelope: Envelope, crashes: boolean): void {
    const node = this.nodes.find((one) => one.id === envelope.to);
    if (node === undefined || node.isGone) return;
    if (crashes) this.input(node, received(envelope));
    else this.perform(node, received(envelope));
  }

  restart(node: Node): void {
    if (node.isGone) return;
    node.restart(`${node.id} ${String((this.#runs += 1))}`, (at, entry) => {
      this.#judge.choose(at, entry, this.nodes);
    });
    this.#transfers = this.#transfers.filter(({ to }) => to !== node);
  }

  /** Brings the checkpoint that somebody waits for; false: nobody does. */
  transfer(): boolean {
    const [transfer] = this.#transfers.splice(0, 1);
    if (transfer === undefined) return false;
    const from = this.nodes.find(({ id }) => id === transfer.from);
    if (from === undefined || from.isGone || transfer.to.isGone) return true;
    transfer.to.fetched = from.checkpoint;
    this.perform(transfer.to, { kind: 'install', ...from.checkpoint });
    return true;
  }

  #effect(node: Node, effect: Effect): void {
    switch (effect.kind) {
      case 'persist':
        if (node.persist(effect.write)) this.count('installed');
        return;
      case 'send':
        if (effect.envelope.message.type === 'prepare')
          this.#judge.useBallot(effect.envelope.message.ballot, effect.envelope.configuration, node.run);
        this.#network.send(effect.envelope);
        return;
      case 'proposed':
        for (let n = 0; n < effect.count; n += 1)
          node.ours.set(effect.first + n, `${String(effect.ballot.round)}.${effect.ballot.node}`);
        return;
      case 'chosen':
        this.#chosen(node, effect);
        return;
      case 'rejected':
        for (const entry of effect.entries) this.#judge.reject(new TextDecoder().decode(entry));
        return;
      case 'checkpointNeeded':
        this.#transfers.push({ to: node, from: effect.from });
        return;
      case 'readable':
        for (const id of effect.ids) this.#judge.answerRead(id, effect.slot);
        return;
      case 'configured':
        this.count('configured');
        this.#judge.configured(effect.configuration);
        return;
      case 'retired':
        // Its machine is taken away at once.
        node.isGone = true;
        this.count('retired');
        return;
      case 'healed':
        this.count('healed');
        node.wiped = false;
        return;
      case 'readRefused':
      case 'reconfiguring':
      case 'reconfigureRefused':
        this.count(effect.kind);
    }
  }

  #chosen(node: Node, { first, entries }: Extract<Effect, { readonly kind: 'chosen' }>): void {
    assert.equal(first, node.applied + 1, `${node.id} does not apply in order`);
    for (const entry of entries) {
      node.applied += 1;
      this.#judge.choose(node.applied, entry, this.nodes);
      if (node.ours.get(node.applied) === `${String(entry.ballot.round)}.${entry.ballot.node}`)
        this.#judge.acknowledge(entry.next === null ? textOf(entry) : `stop-sign ${JSON.stringify(entry.next)}`);
    }
  }
}

function received({ from, configuration, message }: Envelope): Input {
  return { kind: 'receive', from, configuration, message };
}

/** As effects.ts says: what stands before each write, then all writes as one, then the rest. */
function stepAll(node: Node, inputs: readonly Input[]): readonly Effect[] {
  const early: Effect[] = [];
  const writes: Effect[] = [];
  const after: Effect[] = [];
  for (const input of inputs) {
    const { state, effects } = step(node.replica, input);
    node.replica = state;
    const at = effects.findIndex(({ kind }) => kind === 'persist');
    early.push(...effects.slice(0, Math.max(at, 0)));
    writes.push(...effects.slice(Math.max(at, 0), at + 1));
    after.push(...effects.slice(at + 1));
  }
  return [...early, ...writes, ...after];
}
