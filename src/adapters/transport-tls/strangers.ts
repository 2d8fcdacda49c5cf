/**
 * Connections that have not proved to be a member's. They are bounded in all and for each address, and the oldest makes
 * room for the newest: whoever opens many and says nothing keeps no member out, since a member needs a moment only.
 */
import type { Socket } from 'node:net';

export interface StrangersBounds {
  readonly max: number;
  readonly perAddressMax: number;
}

export class Strangers {
  readonly #bounds: StrangersBounds;
  /** In the order in which they came. */
  readonly #open = new Map<string, Socket>();

  constructor(bounds: StrangersBounds) {
    this.#bounds = bounds;
  }

  /** Answers whom it takes the place of; null: there was room. */
  admit(socket: Socket): Socket | null {
    const gone = this.#inTheWay(socket);
    if (gone !== null) this.forget(gone);
    const key = keyOf(socket);
    this.#open.set(key, socket);
    socket.once('close', () => {
      if (this.#open.get(key) === socket) this.#open.delete(key);
    });
    return gone;
  }

  /** It is a member's, or gone. */
  forget(socket: Socket): void {
    this.#open.delete(keyOf(socket));
  }

  destroyAll(): void {
    for (const socket of this.#open.values()) socket.destroy();
  }

  #inTheWay({ remoteAddress }: Socket): Socket | null {
    const all = [...this.#open.values()];
    const neighbours = all.filter((one) => one.remoteAddress === remoteAddress);
    const { max, perAddressMax } = this.#bounds;
    if (neighbours.length >= perAddressMax) return neighbours[0] ?? null;
    return all.length >= max ? (all[0] ?? null) : null;
  }
}

/** The TLS socket and the TCP socket below it are two objects with the same ends. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${String(socket.remotePort)}`;
}
