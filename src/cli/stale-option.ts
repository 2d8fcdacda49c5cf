/** `--stale`: an old answer rather than none, and marked as such. */
import type { Command } from 'commander';
import type { Freshness, SnapcommitNode } from '../index.js';
import type { Options } from './options.js';

export function defineStaleOption(command: Command): void {
  command.option('--stale', 'where no majority can be asked, answer from what this node knows, and say so');
}

export function readStale(options: Options): { readonly stale: boolean } {
  return { stale: options.flag('stale') };
}

export interface Marked {
  /** For the document; nothing without --stale. */
  readonly fields: Freshness | Record<string, never>;
  /** A line for people; empty where the answer is fresh. */
  readonly line: string;
}

/** Of what `node` has answered. */
export function markOf(options: Options, node: SnapcommitNode): Marked {
  if (!options.flag('stale')) return { fields: {}, line: '' };
  const fields = node.freshness();
  const line = `stale: as of slot ${String(fields.asOfSlot)}; this node cannot reach a majority\n`;
  return { fields, line: fields.stale ? line : '' };
}
