/** Where the daemon's log goes. A line that cannot be written is lost and counted: no full disk and no reader ends a member. */
import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

const WARN = 40;

/** Keeps nothing: what is written has left, or is lost. */
export function logLines(descriptor: number): DestinationStream {
  let lost = 0;
  let isCut = false;
  return {
    write(line) {
      const told = lost === 0 ? '' : `${JSON.stringify({ level: WARN, lost, msg: 'lines of this log were lost' })}\n`;
      const bytes = Buffer.from(`${isCut ? '\n' : ''}${told}${line}`);
      let written = 0;
      try {
        while (written < bytes.length) written += writeSync(descriptor, bytes, written);
        lost = 0;
        isCut = false;
      } catch {
        // Nobody could be told of it but in this very log.
        lost += 1;
        if (written > 0) isCut = true;
      }
    },
  };
}
