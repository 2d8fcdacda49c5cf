/**
 * A seeded world for the core: a network that loses, repeats, reorders and cuts links one by one and one way; crashes in
 * the middle of a step's effects and restarts from what was persisted; members that come and go; damaged rows, wiped
 * stores; compaction and checkpoints. What must hold is judge.ts's business.
 */
import assert from 'node:assert/strict';
import type { Configuration } from '#src/paxos/configuration.js';
import { dropThrough, lastSlot, slot } from '#src/paxos/contiguous-log.js';
import { leaderOf } from '#src/paxos/election.js';
import { NOTHING_DURABLE, withDamage } from '#src/paxos/state.js';
import { Judge } from './judge.js';
import { randomFrom } from './random.js';
import { Hosts } from './sim-hosts.js';
import { Network } from './sim-network.js';
import { assertEven, describe, names, Node } from './sim-node.js';
import { bytes, textOf } from './support.js';

export class World {
  readonly #below: (below: number) => number;
  readonly #first: Configuration;
  readonly judge: Judge;
  readonly #network: Network;
  readonly #hosts: Hosts;
  #texts = 0;
  #reads = 0;

  constructor(seed: number) {
    this.#below = randomFrom(seed);
    const size = this.#below(3) === 0 ? 5 : 3;
    this.#first = { id: 1, voters: names.slice(0, size), learners: names.slice(size, size + 1), after: slot(0) };
    this.judge = new Judge(this.#first);
    this.#network = new Network(this.#below);
    const nodes = names.map((id) => new Node(id, this.#first));
    this.#hosts = new Hosts(nodes, this.#below, this.#network, this.judge);
  }

  /** How often what happened. */
  get counts(): ReadonlyMap<string, number> {
    return this.#hosts.counts;
  }

  act(): void {
    const node = this.#pick(this.#present);
    const dice = this.#below(1000);
    if (dice < 600) this.#deliver();
    else if (dice < 720) this.#hosts.input(node, { kind: 'tick' });
    else if (dice < 728) this.#hosts.input(node, { kind: 'campaign', entries: this.#fresh(this.#below(2)) });
    else if (dice < 828) this.#propose(node);
    else if (dice < 868) this.#read(node);
    else if (dice < 880) this.#hosts.input(node, { kind: 'resend' });
    else if (dice < 900) this.#reconfigure();
    else if (dice < 902) this.#hosts.input(node, { kind: 'transfer' });
    else if (dice < 904) this.#hosts.input(node, { kind: 'disk', stalls: !node.replica.stalls });
    else if (dice < 924) this.#compact(node);
    else if (dice < 940) this.#hosts.transfer();
    else if (dice < 955) this.#network.cut(this.#pick(names), this.#pick(names));
    else if (dice < 960) this.#network.mend();
    else if (dice < 972) this.#hosts.restart(node);
    else if (dice < 976) this.#damage(node);
    else if (dice < 978) this.#wipe(node);
    else this.#network.loseOne();
  }

  /** Without faults, a leader is found, everything goes on, and all members end with the same log. */
  heal(): void {
    this.#network.mend();
    this.#network.loseAll();
    for (const node of this.#present) this.#hosts.perform(node, { kind: 'disk', stalls: false });
    this.#calm(40);
    const reads = this.judge.reads;
    const probe = this.#fresh(1);
    let isProposed = false;
    for (let round = 0; round < 40; round += 1) {
      for (const node of this.#leading) {
        this.#hosts.perform(node, { kind: 'read', id: this.#newRead() });
        if (isProposed) continue;
        isProposed = true;
        this.judge.propose(new TextDecoder().decode(probe[0]));
        this.#hosts.perform(node, { kind: 'propose', entries: probe });
      }
      this.#calm(1);
    }
    const state = describe(this.#present);
    assert.ok(this.judge.reads > reads, `no leader answers a read: ${state}`);
    const wanted = new TextDecoder().decode(probe[0]);
    assert.ok(
      [...this.judge.chosen.values()].some((entry) => textOf(entry) === wanted),
      `nothing is chosen: ${state}`,
    );
    assertEven(this.#hosts.nodes, this.judge.configuration);
    this.judge.assertNothingLost();
  }

  #calm(rounds: number): void {
    for (let round = 0; round < rounds; round += 1) {
      for (const node of this.#present) this.#hosts.perform(node, { kind: 'tick' });
      let budget = 5000;
      for (let message = this.#network.shift(); message !== undefined; message = this.#network.shift()) {
        this.#hosts.deliver(message, false);
        while (this.#hosts.transfer());
        assert.ok((budget -= 1) > 0, 'the network never falls silent');
      }
    }
  }

  #deliver(): void {
    const message = this.#network.next();
    if (message !== undefined) this.#hosts.deliver(message, true);
  }

  get #present(): readonly Node[] {
    return this.#hosts.nodes.filter(({ isGone }) => !isGone);
  }

  get #leading(): readonly Node[] {
    return this.#present.filter(({ replica }) => replica.role.kind === 'leading');
  }

  get #isWell(): boolean {
    return this.#present.every((node) => !node.excused);
  }

  /** One node at a time; the restart finds a row that it cannot read. */
  #damage(node: Node): void {
    const { log } = node.durable;
    const covered = node.checkpoint.slot;
    if (!this.#isWell || lastSlot(log) === covered) return;
    this.#hosts.count('damage');
    node.durable = withDamage(node.durable, slot(covered + 1 + this.#below(lastSlot(log) - covered)));
    this.#hosts.restart(node);
  }

  #wipe(node: Node): void {
    if (!this.#isWell || node.durable.decided === 0) return;
    this.#hosts.count('wipe');
    const { id } = node.configuration;
    node.durable = { ...NOTHING_DURABLE, abstains: { kind: 'forgetful', configuration: id } };
    node.configuration = this.#first;
    node.checkpoint = { slot: slot(0), configuration: this.#first };
    node.wiped = true;
    this.#hosts.restart(node);
  }

  #propose(node: Node): void {
    const leader = this.#present.find(({ id }) => id === leaderOf(node.replica)) ?? node;
    this.#hosts.input(leader, { kind: 'propose', entries: this.#fresh(1 + this.#below(3)) });
  }

  #newRead(): number {
    this.#reads += 1;
    this.judge.beginRead(this.#reads);
    return this.#reads;
  }

  #read(node: Node): void {
    const leading = this.#leading;
    this.#hosts.input(leading.length > 0 ? this.#pick(leading) : node, { kind: 'read', id: this.#newRead() });
  }

  #reconfigure(): void {
    const [leader] = this.#leading;
    if (leader === undefined) return;
    const { id: base, voters, learners } = leader.replica.configuration;
    // Who was a member once and is none now may be gone at any moment: its name is not used again.
    const members = [...voters, ...learners];
    const free = names.filter((id) => members.includes(id) || !this.judge.everMembers.has(id));
    const next = this.#shuffle(members).slice(0, this.#below(4) === 0 ? 5 : 3);
    const rest = free.filter((id) => !next.includes(id) && this.#below(3) > 0);
    if (next.length >= 3) this.#hosts.input(leader, { kind: 'reconfigure', id: 1, base, voters: next, learners: rest });
  }

  #compact(node: Node): void {
    const { decided } = node.durable;
    if (decided < node.configuration.after || decided <= node.checkpoint.slot || node.replica.decided !== decided)
      return;
    node.checkpoint = { slot: decided, configuration: node.configuration };
    const through = slot(Math.max(0, decided - this.#below(6)));
    node.durable = { ...node.durable, log: dropThrough(node.durable.log, through) };
    this.#hosts.input(node, { kind: 'compact', through });
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
}
