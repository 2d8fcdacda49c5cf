/** The log of --verbose: JSON lines on stderr, each phase with its time. Loaded only when it is asked for. */
import { pino } from 'pino';
import type { Progress } from '../index.js';
import type { Output } from './io.js';

export function createPhaseLog(stderr: Output): (progress: Progress) => void {
  const log = pino(
    { name: 'snapcommit', timestamp: pino.stdTimeFunctions.isoTime },
    {
      write(line: string) {
        stderr.write(line);
      },
    },
  );
  const start = performance.now();
  return (progress) => {
    const elapsedMs = Math.round((performance.now() - start) * 10) / 10;
    switch (progress.kind) {
      case 'phase':
        log.info({ phase: progress.phase, subject: progress.subject, elapsedMs }, 'phase');
        return;
      case 'host':
        log.info({ node: progress.node, phase: progress.phase, elapsedMs }, 'host');
        return;
      case 'transaction':
        log.info({ transaction: progress.transaction, elapsedMs }, 'transaction');
        return;
      case 'warning':
        log.warn({ elapsedMs }, progress.message);
        return;
    }
  };
}
