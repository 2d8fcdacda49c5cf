// A private network for some guests: a multicast group on the host's loopback, to which each guest's second card sends its
// frames. Every network has a port of its own; nothing of it reaches the host or outside.
import { randomInt } from 'node:crypto';

/** Administratively scoped: routers leave it alone, and it goes no further than the loopback anyway. */
const GROUP = '239.77.1.1';
const PORTS = { from: 20_000, to: 60_000 };
const MOST = 200;

/** @typedef {{ group: string, name: string, address: string, hardwareAddress: string }} Seat */

/**
 * A place for each of these names on one new network. Tests ask for it (test/vm/rig.ts).
 * @public
 * @param {readonly string[]} names @returns {Seat[]}
 */
export function seats(names, port = randomInt(PORTS.from, PORTS.to)) {
  if (names.length > MOST) throw new Error(`${String(names.length)} guests on one network; at most ${String(MOST)}`);
  return names.map((name, index) => ({
    group: `${GROUP}:${String(port)}`,
    name,
    address: `10.77.0.${String(index + 1)}`,
    // Of the range for local use; the same in every network, since no two networks meet.
    hardwareAddress: `52:54:00:77:00:${(index + 1).toString(16).padStart(2, '0')}`,
  }));
}
