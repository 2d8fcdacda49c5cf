/**
 * The names under which this process appends (machine/appends.ts): lanes, each a client of its own with few appends in
 * flight, because the state machine keeps only a client's newest answers. No clock, no randomness: whoever makes them
 * gives a prefix that no other process ever uses.
 */

export interface LaneKey {
  readonly client: string;
  readonly sequence: number;
}

interface Lane {
  readonly client: string;
  next: number;
  /** Ascending: a Set keeps the order in which it was filled. */
  readonly open: Set<number>;
  /** An append of unknown outcome was left behind here: its name may still come, so nothing new goes past it. */
  abandoned: boolean;
}

export class AppendLanes {
  readonly #prefix: string;
  readonly #window: number;
  #lanes: Lane[] = [];
  #made = 0;

  /** `window`: how many appends of one client may be in flight, counted from the oldest that is not answered. */
  constructor(prefix: string, window: number) {
    this.#prefix = prefix;
    this.#window = window;
  }

  open(): LaneKey {
    const lane = this.#lanes.find((one) => !one.abandoned && this.#hasRoom(one)) ?? this.#addLane();
    const sequence = lane.next;
    lane.next += 1;
    lane.open.add(sequence);
    return { client: lane.client, sequence };
  }

  /** The append is answered for good; `unknown` when it is given up with its outcome open. */
  close({ client, sequence }: LaneKey, outcome: 'known' | 'unknown'): void {
    const lane = this.#lanes.find((one) => one.client === client);
    if (lane === undefined) return;
    lane.open.delete(sequence);
    if (outcome === 'unknown') lane.abandoned = true;
    if (lane.abandoned && lane.open.size === 0) this.#lanes = this.#lanes.filter((one) => one !== lane);
  }

  #hasRoom({ open, next }: Lane): boolean {
    const [oldest] = open;
    return oldest === undefined || next - oldest < this.#window;
  }

  #addLane(): Lane {
    this.#made += 1;
    const lane: Lane = { client: `${this.#prefix}.${String(this.#made)}`, next: 1, open: new Set(), abandoned: false };
    this.#lanes.push(lane);
    return lane;
  }
}
