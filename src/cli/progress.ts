/**
 * What a person sees while a command runs, on stderr: warnings always; one line that is rewritten, on a terminal; with
 * --verbose each phase as a JSON log line instead (pino is loaded for that alone).
 */
import type { Progress } from '../index.js';
import type { Globals } from './global-options.js';
import type { Io } from './io.js';
import { printable } from './render/text.js';

export interface ProgressReporter {
  readonly report: (progress: Progress) => void;
  /** What runs now, in words. */
  current(): string;
  /** Takes the line away; call it before anything else is printed. */
  clear(): void;
}

const ERASE_LINE = '\r\u001b[K';

export async function progressReporter(io: Io, globals: Globals): Promise<ProgressReporter> {
  if (globals.verbose) {
    const { createPhaseLog } = await import('./log.js');
    return tracked(createPhaseLog(io.stderr), () => undefined);
  }
  const shown = io.stderr.isTTY && !globals.quiet;
  const clear = (): void => {
    if (shown) io.stderr.write(ERASE_LINE);
  };
  const hosts = new Map<string, string>();
  const report = (progress: Progress): void => {
    if (progress.kind === 'warning') {
      clear();
      io.stderr.write(`snapcommit: warning: ${printable(progress.message)}\n`);
      return;
    }
    if (progress.kind === 'host') hosts.set(progress.node, progress.phase);
    else hosts.clear();
    if (!shown || progress.kind === 'transaction') return;
    const text = progress.kind === 'host' ? hostsInWords(hosts) : inWords(progress);
    io.stderr.write(ERASE_LINE + shortened(text, io.stderr.columns));
  };
  return tracked(report, clear);
}

function tracked(report: (progress: Progress) => void, clear: () => void): ProgressReporter {
  let current = 'what was begun';
  return {
    report(progress) {
      if (progress.kind === 'phase') current = inWords(progress);
      if (progress.kind === 'host') current = printable(`${progress.phase.split(':')[0] ?? ''} on ${progress.node}`);
      report(progress);
    },
    current: () => current,
    clear,
  };
}

/** Where each node stands: `a freeze: done, b freeze`. */
function hostsInWords(hosts: ReadonlyMap<string, string>): string {
  return printable([...hosts].map(([node, phase]) => `${node} ${phase}`).join(', '));
}

function inWords(progress: Extract<Progress, { readonly kind: 'phase' }>): string {
  return printable(`${progress.phase} ${progress.subject}`);
}

/** Shorter than the terminal is wide, so that the line can be rewritten. */
function shortened(text: string, columns: number): string {
  const room = (columns > 0 ? columns : 80) - 1;
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`;
}
