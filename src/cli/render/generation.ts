/** A generation for people. Pure. */
import type { GenerationReport } from '../../index.js';
import { pairs } from './table.js';
import { counted, joined, shortTime } from './text.js';

/** `committed`, `published`, with `incomplete` where a volume of it was forfeited. */
export function generationStateWord(generation: GenerationReport): string {
  return generation.incomplete ? `${generation.state}, incomplete` : generation.state;
}

/** The answer of commit, transact and restore: one line, then where the volumes stand. */
export function committedText(generation: GenerationReport): string {
  const { grade, stallMs } = generation.consistency;
  const facts = [`grade ${grade}`, `stall ${String(stallMs)} ms`, counted(generation.volumes.length, 'volume')];
  return `${nameOf(generation)} committed: ${facts.join(', ')}\n${paths(generation, '  ')}`;
}

/** Of a commit that was not needed. */
export function youngText(generation: GenerationReport): string {
  return `${nameOf(generation)} was committed ${shortTime(generation.committedAt)}, which is young enough: no new one was made.\n`;
}

export function generationText(generation: GenerationReport): string {
  const { grade, stallMs, skewMs, frozen, hosts } = generation.consistency;
  const labels = Object.entries(generation.labels).map(([key, value]) => `${key}=${value}`);
  const head = pairs([
    ['generation', nameOf(generation)],
    ['state', generationStateWord(generation)],
    ['committed', shortTime(generation.committedAt)],
    ['message', generation.message === '' ? '-' : generation.message],
    ['labels', joined(labels)],
    ['made by', madeBy(generation)],
    ['transaction', `${generation.transaction} (slot ${String(generation.slot)})`],
    ['grade', grade],
    ['stall', `${String(stallMs)} ms`],
    ['skew', `${String(skewMs)} ms`],
    // Of a single host the lines above tell it.
    ...(hosts.length > 1 ? hosts.map(hostRow) : []),
    ['frozen', joined(frozen)],
    ['holds', joined(generation.holds)],
  ]);
  return `${head}volumes\n${paths(generation, '  ')}`;
}

function hostRow({
  node,
  stallMs,
  skewMs,
}: GenerationReport['consistency']['hosts'][number]): readonly [string, string] {
  return [`  on ${node}`, `stall ${String(stallMs)} ms, skew ${String(skewMs)} ms`];
}

function madeBy({ mode, group, sourceGeneration }: GenerationReport): string {
  return sourceGeneration === null ? mode : `${mode} of ${group}@${String(sourceGeneration)}`;
}

function nameOf({ group, generation }: GenerationReport): string {
  return `${group}@${String(generation)}`;
}

function paths({ volumes }: GenerationReport, indent: string): string {
  const rows = volumes.flatMap(({ volume, node, snapshot, replaced }): (readonly [string, string])[] => [
    [`${indent}${volume}`, snapshot.path ?? `on node ${node}`],
    ...(replaced === null ? [] : [[`${indent}${volume}, replaced`, replaced] as const]),
  ]);
  return pairs(rows);
}
