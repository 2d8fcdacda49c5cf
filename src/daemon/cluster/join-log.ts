/** What the log and the metrics tell of those who ask for a certificate. */
import type { Logger } from 'pino';
import type { IssuerOptions } from '../../adapters/certificates/index.js';
import { Repeats } from '../../adapters/transport-tls/index.js';
import type { Clock } from '../../ports/clock.js';
import type { Metrics } from '../metrics.js';

/** Anybody who reaches the port can be refused, as often as they like: of one address it is told once in so many ms. */
const REFUSALS_EVERY_MS = 60_000;

export function joinLog(
  clock: Clock,
  metrics: Pick<Metrics, 'refused'>,
  logger: Pick<Logger, 'info' | 'warn'>,
): IssuerOptions['onDecision'] {
  const repeats = new Repeats(clock, REFUSALS_EVERY_MS);
  return ({ address: from, node, refusal }) => {
    if (refusal === null) {
      logger.info({ from, node }, 'gave a certificate');
      return;
    }
    metrics.refused('join');
    const repeated = repeats.tell(from);
    if (repeated !== null) logger.warn({ from, node, refusal, repeated }, 'refused a certificate');
  };
}
