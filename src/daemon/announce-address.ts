/**
 * Tells the cluster at a daemon's start where it can be reached now. Tried until it is done: a majority may come back at any
 * time. Nothing is appended before the stamps are asked (D9), and a log that cannot go on is left to whoever mends it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SnapcommitError } from '../errors.js';
import type { State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { assertStamps } from '../participant/stamps.js';
import { isLostLog, messageOf } from './caretaker/failures.js';
import { appendKnown, refuse } from './cluster/ledger.js';
import { addressIn } from './cluster/peers.js';

/** Between two tries; each pause is twice the one before. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** `address`: `HOST:PORT` that peers are to be told. Never rejects. */
export async function announceAddress(
  context: Context,
  address: string,
  logger: Pick<Logger, 'info' | 'error'>,
  signal: AbortSignal,
): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      const state = await context.log.read();
      await assertStamps(context.files, state, context.log);
      await tellAddress(context, state, address);
      return;
    } catch (error) {
      const code = error instanceof SnapcommitError ? error.code : null;
      logger[code === 'UNAVAILABLE' ? 'info' : 'error'](
        { reason: messageOf(error) },
        'could not tell the cluster where this node is yet',
      );
      if (isLostLog(error)) return;
    }
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

/** `advertise` in config.json may have changed since the members were told. */
async function tellAddress({ log }: Context, state: State, address: string): Promise<void> {
  const { node } = log.identity;
  const known = addressIn(state, node);
  if (known === undefined || known === address) return;
  refuse(await appendKnown(log, { type: 'putMember', node, address }));
}
