/**
 * A few replicas and a network in which everything arrives at once and in order, unless a link is cut: for scenarios
 * that can be read. Each message that is sent is a line of the transcript.
 */
import { nodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { entriesAfter, logFrom, replaceAfter, slot } from '#src/paxos/contiguous-log.js';
import type { Effect, Input, Write } from '#src/paxos/effects.js';
import { DEFAULT_LIMITS, type Limits } from '#src/paxos/limits.js';
import type { Envelope } from '#src/paxos/messages.js';
import { step } from '#src/paxos/replica.js';
import { NOTHING_DURABLE, restore, type Durable, type Replica } from '#src/paxos/state.js';
import { bytes, textOf } from './support.js';

export const LIMITS: Limits = { ...DEFAULT_LIMITS, roundTicks: 1, learnEntries: 3 };

export function configurationOf(voters: string, learners = ''): Configuration {
  return { id: 1, voters: Array.from(voters).map(nodeId), learners: Array.from(learners).map(nodeId), after: slot(0) };
}

interface Member {
  replica: Replica;
  durable: Durable;
  configuration: Configuration;
}

export class Cluster {
  readonly #members = new Map<string, Member>();
  readonly #limits: Limits;
  #network: Envelope[] = [];
  readonly #down = new Set<string>();
  /** Everything but messages and writes, as "node effect". */
  readonly told: string[] = [];
  readonly transcript: string[] = [];

  constructor(names: string, first: Configuration, limits: Limits = LIMITS) {
    this.#limits = limits;
    for (const name of names) {
      const replica = restore(nodeId(name), first, NOTHING_DURABLE, limits);
      this.#members.set(name, { replica, durable: NOTHING_DURABLE, configuration: first });
    }
  }

  replica(name: string): Replica {
    return this.#member(name).replica;
  }

  texts(name: string): readonly string[] {
    const { log } = this.replica(name);
    return entriesAfter(log, log.base).map((entry) =>
      entry.next === null ? textOf(entry) : `stop ${String(entry.next.id)}`,
    );
  }

  roles(): string {
    return [...this.#members].map(([name, { replica }]) => `${name}:${replica.role.kind}`).join(' ');
  }

  leaders(): string {
    return [...this.#members]
      .flatMap(([name, { replica }]) => (replica.role.kind === 'leading' ? [name] : []))
      .join('');
  }

  /** `pairs` as 'ab ac': both ways; 'a>b': one way. */
  cut(pairs: string): this {
    for (const pair of pairs.split(' ')) for (const link of links(pair)) this.#down.add(link);
    return this;
  }

  mend(): this {
    this.#down.clear();
    return this;
  }

  isolate(name: string): this {
    for (const other of this.#members.keys()) if (other !== name) this.cut(`${name}${other}`);
    return this;
  }

  /** Rounds of everybody's clock, with everything delivered after each. */
  ticks(rounds: number): this {
    for (let round = 0; round < rounds; round += 1) {
      for (const name of this.#members.keys()) this.give(name, { kind: 'tick' });
      this.settle();
    }
    return this;
  }

  input(name: string, input: Input): this {
    this.give(name, input);
    return this.settle();
  }

  propose(name: string, ...texts: readonly string[]): this {
    return this.input(name, { kind: 'propose', entries: texts.map(bytes) });
  }

  /** Worked out from the configuration that this member is in, unless `base` says another. */
  reconfigure(name: string, voters: string, learners = '', base = this.replica(name).configuration.id): this {
    const { voters: v, learners: l } = configurationOf(voters, learners);
    return this.input(name, { kind: 'reconfigure', id: 1, base, voters: v, learners: l });
  }

  /** Gives an input and leaves what it sends in the network. */
  give(name: string, input: Input): this {
    const member = this.#member(name);
    const { state, effects } = step(member.replica, input);
    member.replica = state;
    for (const effect of effects) this.#perform(name, member, effect);
    return this;
  }

  settle(): this {
    let budget = 100_000;
    for (let next = this.#network.shift(); next !== undefined; next = this.#network.shift()) {
      if ((budget -= 1) < 0) throw new Error('the network never falls silent');
      const { from, to, configuration, message } = next;
      if (!this.#members.has(to) || this.#down.has(`${from}>${to}`)) continue;
      if (from !== to) this.transcript.push(`${from} > ${to} ${message.type}`);
      this.give(to, { kind: 'receive', from, configuration, message });
    }
    return this;
  }

  /** What is in the network is lost. */
  lose(): this {
    this.#network = [];
    return this;
  }

  /** The process dies and comes back with what `change` makes of its store. */
  restart(name: string, change: (durable: Durable) => Durable = (durable) => durable, to?: Configuration): this {
    const member = this.#member(name);
    member.durable = change(member.durable);
    member.configuration = to ?? member.configuration;
    member.replica = restore(nodeId(name), member.configuration, member.durable, this.#limits);
    return this;
  }

  remove(name: string): this {
    this.#members.delete(name);
    return this;
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`there is no ${name}`);
    return member;
  }

  #perform(name: string, member: Member, effect: Effect): void {
    switch (effect.kind) {
      case 'persist':
        member.durable = applyWrite(member.durable, effect.write);
        member.configuration = effect.write.configuration;
        return;
      case 'send':
        this.#network.push(effect.envelope);
        return;
      case 'chosen':
        this.told.push(
          `${name} chosen ${effect.entries.map((one) => (one.next === null ? textOf(one) : 'stop')).join(' ')}`,
        );
        return;
      case 'rejected':
      case 'reconfigureRefused':
        this.told.push(`${name} ${effect.kind} ${effect.reason}`);
        return;
      case 'readRefused':
        this.told.push(`${name} readRefused ${effect.ids.join()} ${effect.reason}`);
        return;
      case 'readable':
        this.told.push(`${name} readable ${effect.ids.join()} ${String(effect.slot)}`);
        return;
      case 'proposed':
        return;
      case 'reconfiguring':
      case 'configured':
      case 'retired':
      case 'healed':
      case 'checkpointNeeded':
        this.told.push(`${name} ${effect.kind}`);
    }
  }
}

function links(pair: string): readonly string[] {
  if (pair.includes('>')) return [pair];
  const [from, to] = pair;
  return [`${String(from)}>${String(to)}`, `${String(to)}>${String(from)}`];
}

function applyWrite({ log }: Durable, write: Write): Durable {
  const { promised, accepted, decided, abstains, first, entries, install } = write;
  const written = install === null ? replaceAfter(log, slot(first - 1), entries) : logFrom(install, entries);
  return { promised, accepted, decided, abstains, log: written };
}
