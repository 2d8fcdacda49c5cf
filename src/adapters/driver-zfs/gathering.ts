/**
 * Calls that several volumes have in common. A program takes longer to start than to answer, so what they ask for at about the
 * same time is asked once for all of them. A call answers only those who asked before it began: nobody is told what was true
 * before they wanted to know it.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a call waits for others to join, which is much less than a program takes. */
const WAIT_MS = 2;
/** Of what is asked for in one call. The kernel takes 128 KiB as one argument, and 2 MiB as all of them. */
const BYTES_MAX = 32 * 1024;

interface Call<Asked, Told> {
  readonly asked: Asked[];
  bytes: number;
  readonly told: Promise<Told>;
}

/** `key`: who has the same one can be answered by the same call; `start`: that of who was first. */
export type Gathering<Asked, Told> = (
  key: string,
  asked: Asked,
  bytes: number,
  start: (all: readonly Asked[]) => Promise<Told>,
) => Promise<Told>;

export function gathering<Asked, Told>(): Gathering<Asked, Told> {
  /** Those that have not begun. */
  const waiting = new Map<string, Call<Asked, Told>>();
  return async (key, asked, bytes, start) => {
    const joined = waiting.get(key);
    if (joined !== undefined && joined.bytes + bytes <= BYTES_MAX) {
      joined.asked.push(asked);
      joined.bytes += bytes;
      return joined.told;
    }
    const begin = async (): Promise<Told> => {
      await sleep(WAIT_MS);
      if (waiting.get(key) === call) waiting.delete(key);
      return start(call.asked);
    };
    const call: Call<Asked, Told> = { asked: [asked], bytes, told: begin() };
    waiting.set(key, call);
    return call.told;
  };
}
