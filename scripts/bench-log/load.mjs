// The load, the same for every engine: N appends in flight at all times, each timed by itself.

export const VALUE_BYTES = 512;
const WARM_UP_MS = 1_000;

/**
 * @param {(n: number) => Promise<unknown>} append resolves when append n is acknowledged
 * @param {number} clients how many are in flight
 * @returns {Promise<{ perSecond: number, p50Ms: number, p99Ms: number, appends: number }>}
 */
export async function load(append, clients, seconds) {
  const from = performance.now() + WARM_UP_MS;
  const until = from + seconds * 1_000;
  const times = [];
  let next = 0;
  const client = async () => {
    for (;;) {
      const began = performance.now();
      if (began >= until) return;
      const number = next;
      next += 1;
      await append(number);
      const ended = performance.now();
      if (began >= from && ended < until) times.push(ended - began);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN;
  return { perSecond: times.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), appends: times.length };
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** Tries until `attempt` resolves. */
export async function eventually(what, attempt, limitMs = 30_000) {
  const until = performance.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > until)
        throw new Error(`${what}: not within ${String(limitMs / 1000)} s`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
