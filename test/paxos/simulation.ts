/**
 * A seeded world for the core: a network that loses, repeats, reorders and cuts links one by one and one way; crashes in
 * the middle of a step's effects and restarts from what was persisted; members that come and go; damaged rows, wiped
 * stores; compaction and checkpoints. What must hold is judge.ts's business.
 */
import assert from 'node:assert/strict';
import type { NodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { dropThrough, lastSlot, slot } from '#src/paxos/contiguous-log.js';
import type { Effect, Input } from '#src/paxos/effects.js';
import { leaderOf } from '#src/paxos/election.js';
import type { Envelope } from '#src/paxos/messages.js';
import { step } from '#src/paxos/replica.js';
import { NOTHING_DURABLE, withDamage } from '#src/paxos/state.js';
import { Judge } from './judge.js';
import { randomFrom } from './random.js';
import { assertEven, describe, names, Node } from './sim-node.js';
import { bytes, textOf } from './support.js';

export class World {
  readonly #below: (below: number) => number;
  readonly #first: Configuration;
  readonly #nodes: readonly Node[];
  readonly judge: Judge;
  #network: Envelope[] = [];
  readonly #down = new Set<string>();
  #transfers: { readonly to: Node; readonly from: NodeId }[] = [];
  #texts = 0;
  #reads = 0;
  #runs = 0;
  readonly counts = new Map<string, number>();

  constructor(seed: number) {
    this.#below = randomFrom(seed);
    const size = this.#below(3) === 0 ? 5 : 3;
    this.#first = { id: 1, voters: names.slice(0, size), learners: names.slice(size, size + 1), after: slot(0) };
    this.judge = new Judge(this.#first);
    this.#nodes = names.map((id) => new Node(id, this.#first));
  }

  act(): void {
    const node = this.#pick(this.#nodes.filter((one) => !one.isGone));
    const dice = this.#below(1000);
    if (dice < 600) this.#deliver();
    else if (dice < 720) this.#input(node, { kind: 'tick' });
    else if (dice < 728) this.#input(node, { kind: 'campaign', entries: this.#fresh(this.#below(2)) });
    else if (dice < 828) this.#propose(node);
    else if (dice < 868) this.#read(node);
    else if (dice < 880) this.#input(node, { kind: 'resend' });
    else if (dice < 900) this.#reconfigure();
    else if (dice < 902) this.#input(node, { kind: 'transfer' });
    else if (dice < 904) this.#input(node, { kind: 'disk', stalls: !node.replica.stalls });
    else if (dice < 924) this.#compact(node);
    else if (dice < 940) this.#transfer();
    else if (dice < 955) this.#cut();
    else if (dice < 960) this.#down.clear();
    else if (dice < 972) this.#restart(node);
    else if (dice < 976) this.#damage(node);
    else if (dice < 978) this.#wipe(node);
    else this.#network.splice(this.#below(this.#network.length + 1), 1);
  }

  /** Without faults, a leader is found, everything goes on, and all members end with the same log. */
  heal(): void {
    this.#down.clear();
    this.#network = [];
    for (const node of this.#nodes) if (!node.isGone) this.#perform(node, { kind: 'disk', stalls: false });
    this.#calm(40);
    const reads = this.judge.reads;
    const probe = this.#fresh(1);
    let isProposed = false;
    for (let round = 0; round < 40; round += 1) {
      for (const node of this.#nodes) {
        if (node.isGone || node.replica.role.kind !== 'leading') continue;
        this.#perform(node, { kind: 'read', id: this.#newRead() });
        if (isProposed) continue;
        isProposed = true;
        this.judge.propose(new TextDecoder().decode(probe[0]));
        this.#perform(node, { kind: 'propose', entries: probe });
      }
      this.#calm(1);
    }
    const state = describe(this.#nodes.filter(({ isGone }) => !isGone));
    assert.ok(this.judge.reads > reads, `no leader answers a read: ${state}`);
    const wanted = new TextDecoder().decode(probe[0]);
    assert.ok(
      [...this.judge.chosen.values()].some((entry) => textOf(entry) === wanted),
      `nothing is chosen: ${state}`,
    );
    assertEven(this.#nodes, this.judge.configuration);
    this.judge.assertNothingLost();
  }

  #calm(rounds: number): void {
    for (let round = 0; round < rounds; round += 1) {
      for (const node of this.#nodes) if (!node.isGone) this.#perform(node, { kind: 'tick' });
      let budget = 5000;
      for (let message = this.#network.shift(); message !== undefined; message = this.#network.shift()) {
        this.#hand(message, false);
        while (this.#transfers.length > 0) this.#transfer();
        assert.ok((budget -= 1) > 0, 'the network never falls silent');
      }
    }
  }

  #deliver(): void {
    if (this.#network.length === 0) return;
    // Mostly in order, as a connection does it.
    const at = this.#below(3) === 0 ? this.#below(this.#network.length) : 0;
    const message = this.#network[at];
    // One in eight is delivered and stays: a duplicate.
    if (this.#below(8) > 0) this.#network.splice(at, 1);
    if (message !== undefined && !this.#down.has(`${message.from}>${message.to}`)) this.#hand(message, true);
  }

  #hand({ from, to, configuration, message }: Envelope, crashes: boolean): void {
    const node = this.#nodes.find((one) => one.id === to);
    if (node === undefined || node.isGone) return;
    const input: Input = { kind: 'receive', from, configuration, message };
    if (crashes) this.#input(node, input);
    else this.#perform(node, input);
  }

  /** Sometimes the host takes several inputs with one sync, and sometimes it dies between two effects. */
  #input(node: Node, ...inputs: readonly Input[]): void {
    const more = this.#below(6) === 0 ? this.#network.filter(({ to }) => to === node.id).slice(0, 3) : [];
    for (const one of more) this.#network.splice(this.#network.indexOf(one), 1);
    const received = more.filter(({ from, to }) => !this.#down.has(`${from}>${to}`));
    const all = [
      ...inputs,
      ...received.map(
        ({ from, configuration, message }) => ({ kind: 'receive', from, configuration, message }) as const,
      ),
    ];
    if (this.#below(80) > 0) return this.#perform(node, ...all);
    this.#count('crash');
    const effects = this.#stepAll(node, all);
    const performed = effects.slice(0, this.#below(effects.length + 1));
    for (const effect of performed) this.#effect(node, effect);
    this.#restart(node);
  }

  #perform(node: Node, ...inputs: readonly Input[]): void {
    const back: Envelope[] = [];
    for (const effect of this.#stepAll(node, inputs)) {
      const isOwn = effect.kind === 'send' && effect.envelope.to === node.id;
      if (isOwn) back.push(effect.envelope);
      else this.#effect(node, effect);
    }
    for (const { from, configuration, message } of back)
      this.#perform(node, { kind: 'receive', from, configuration, message });
  }

  /** As effects.ts says: what stands before each write, then all writes as one, then the rest. */
  #stepAll(node: Node, inputs: readonly Input[]): readonly Effect[] {
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

  #effect(node: Node, effect: Effect): void {
    switch (effect.kind) {
      case 'persist':
        if (node.persist(effect.write)) this.#count('installed');
        return;
      case 'send':
        if (effect.envelope.message.type === 'prepare')
          this.judge.useBallot(effect.envelope.message.ballot, effect.envelope.configuration, node.run);
        this.#network.push(effect.envelope);
        return;
      case 'proposed':
        for (let n = 0; n < effect.count; n += 1)
          node.ours.set(effect.first + n, `${String(effect.ballot.round)}.${effect.ballot.node}`);
        return;
      case 'chosen':
        assert.equal(effect.first, node.applied + 1, `${node.id} does not apply in order`);
        for (const entry of effect.entries) {
          node.applied += 1;
          this.judge.choose(node.applied, entry, this.#nodes);
          if (node.ours.get(node.applied) === `${String(entry.ballot.round)}.${entry.ballot.node}`)
            this.judge.acknowledge(entry.next === null ? textOf(entry) : `stop-sign ${JSON.stringify(entry.next)}`);
        }
        return;
      case 'rejected':
        for (const entry of effect.entries) this.judge.reject(new TextDecoder().decode(entry));
        return;
      case 'checkpointNeeded':
        this.#transfers.push({ to: node, from: effect.from });
        return;
      case 'readable':
        for (const id of effect.ids) this.judge.answerRead(id, effect.slot);
        return;
      case 'configured':
        this.#count('configured');
        this.judge.configured(effect.configuration);
        return;
      case 'retired':
        // Its machine is taken away at once.
        node.isGone = true;
        this.#count('retired');
        return;
      case 'healed':
        this.#count('healed');
        node.wiped = false;
        return;
      case 'readRefused':
      case 'reconfiguring':
      case 'reconfigureRefused':
        this.#count(effect.kind);
    }
  }

  #restart(node: Node): void {
    if (node.isGone) return;
    node.restart(`${node.id} ${String((this.#runs += 1))}`, (at, entry) => {
      this.judge.choose(at, entry, this.#nodes);
    });
    this.#transfers = this.#transfers.filter(({ to }) => to !== node);
  }

  get #isWell(): boolean {
    return this.#nodes.every((node) => node.isGone || !node.excused);
  }

  /** One node at a time; the restart finds a row that it cannot read. */
  #damage(node: Node): void {
    const { log } = node.durable;
    const covered = node.checkpoint.slot;
    if (!this.#isWell || lastSlot(log) === covered) return;
    this.#count('damage');
    node.durable = withDamage(node.durable, slot(covered + 1 + this.#below(lastSlot(log) - covered)));
    this.#restart(node);
  }

  #wipe(node: Node): void {
    if (!this.#isWell || node.durable.decided === 0) return;
    this.#count('wipe');
    const { id } = node.configuration;
    node.durable = { ...NOTHING_DURABLE, abstains: { kind: 'forgetful', configuration: id } };
    node.configuration = this.#first;
    node.checkpoint = { slot: slot(0), configuration: this.#first };
    node.wiped = true;
    this.#restart(node);
  }

  #propose(node: Node): void {
    const leader = this.#nodes.find(({ id, isGone }) => id === leaderOf(node.replica) && !isGone) ?? node;
    this.#input(leader, { kind: 'propose', entries: this.#fresh(1 + this.#below(3)) });
  }

  #newRead(): number {
    this.#reads += 1;
    this.judge.beginRead(this.#reads);
    return this.#reads;
  }

  #read(node: Node): void {
    const leading = this.#nodes.filter(({ replica, isGone }) => replica.role.kind === 'leading' && !isGone);
    this.#input(leading.length > 0 ? this.#pick(leading) : node, { kind: 'read', id: this.#newRead() });
  }

  #reconfigure(): void {
    const leader = this.#nodes.find(({ replica, isGone }) => replica.role.kind === 'leading' && !isGone);
    if (leader === undefined) return;
    const { id: base, voters, learners } = leader.replica.configuration;
    // Who was a member once and is none now may be gone at any moment: its name is not used again.
    const members = [...voters, ...learners];
    const free = names.filter((id) => members.includes(id) || !this.judge.everMembers.has(id));
    const next = this.#shuffle(members).slice(0, this.#below(4) === 0 ? 5 : 3);
    const rest = free.filter((id) => !next.includes(id) && this.#below(3) > 0);
    if (next.length >= 3) this.#input(leader, { kind: 'reconfigure', id: 1, base, voters: next, learners: rest });
  }

  #compact(node: Node): void {
    const { decided } = node.durable;
    if (decided < node.configuration.after || decided <= node.checkpoint.slot || node.replica.decided !== decided)
      return;
    node.checkpoint = { slot: decided, configuration: node.configuration };
    const through = slot(Math.max(0, decided - this.#below(6)));
    node.durable = { ...node.durable, log: dropThrough(node.durable.log, through) };
    this.#input(node, { kind: 'compact', through });
  }

  #transfer(): void {
    const [transfer] = this.#transfers.splice(0, 1);
    const from = this.#nodes.find(({ id }) => id === transfer?.from);
    if (transfer === undefined || from === undefined || from.isGone || transfer.to.isGone) return;
    transfer.to.fetched = from.checkpoint;
    this.#perform(transfer.to, { kind: 'install', ...from.checkpoint });
  }

  #cut(): void {
    const from = this.#pick(names);
    const to = this.#pick(names);
    this.#down.add(`${from}>${to}`);
    if (this.#below(2) === 0) this.#down.add(`${to}>${from}`);
    if (this.#below(4) > 0) return;
    for (const other of names) this.#down.add(`${from}>${other}`).add(`${other}>${from}`);
  }

  #fresh(count: number): readonly Uint8Array[] {
    return Array.from({ length: count }, () => {
      const text = `p${String((this.#texts += 1))}-${'x'.repeat(this.#below(20))}`;
      this.judge.propose(text);
      return bytes(text);
    });
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[this.#below(items.length)];
    assert.ok(item !== undefined);
    return item;
  }

  #shuffle<T>(items: readonly T[]): readonly T[] {
    const rest = [...items];
    return items.map(() => rest.splice(this.#below(rest.length), 1)).flat();
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}
