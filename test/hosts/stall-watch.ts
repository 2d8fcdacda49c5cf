/** How long anybody's writers were told to stand still, looked at from outside while something else happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from './host.js';

const LOOK_MS = 10;

/**
 * The longest that one look after the other saw a host's writers held while `act` ran, ms: never more than they really were,
 * however slow the looks are.
 */
export async function longestStallDuring(hosts: readonly Host[], act: () => Promise<void>): Promise<number> {
  const since = new Map<Host, number>();
  let longest = 0;
  const look = (): void => {
    const now = performance.now();
    for (const host of hosts) {
      if (!host.cgroup.requested()) since.delete(host);
      else if (since.has(host)) longest = Math.max(longest, now - (since.get(host) ?? now));
      else since.set(host, now);
    }
  };
  const acting = { isOver: false };
  const acted = act().finally(() => {
    acting.isOver = true;
  });
  while (!acting.isOver) {
    look();
    await sleep(LOOK_MS);
  }
  await acted;
  return longest;
}
