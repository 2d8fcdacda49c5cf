/** What the programs behind `npm run soak` and `npm run soak:hosts` have in common: one piece after another until the time is up. */
import { parseArgs } from 'node:util';
import { endWithSupervisor } from './at-end.js';
import { bePatient } from './until.js';

export interface SoakPiece {
  /** From 0. */
  readonly number: number;
  readonly seconds: number;
  readonly seed: number;
}

export interface SoakProgram {
  /** By default, in all. */
  readonly minutes: number;
  /** Each piece has a seed and a world of its own, so that it replays without the hours before. */
  readonly pieceMinutes: number;
  soak(piece: SoakPiece): Promise<{ readonly isGood: boolean; readonly description: string }>;
}

/** Takes `--minutes` and `--seed` from the command line; the exit status is 1 when a piece was not good. */
export async function runSoak({ minutes: byDefault, pieceMinutes, soak }: SoakProgram): Promise<void> {
  endWithSupervisor();
  bePatient();
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: String(byDefault) },
      seed: { type: 'string', default: process.env['SEED'] ?? String(Math.floor(Math.random() * 2 ** 31)) },
    },
  });
  const minutes = Number(values.minutes);
  const pieces = Math.max(1, Math.ceil(minutes / pieceMinutes));
  let failures = 0;
  for (let number = 0; number < pieces; number += 1) {
    const seed = Number(values.seed) + number;
    const seconds = Math.round(60 * Math.min(pieceMinutes, minutes - number * pieceMinutes));
    console.log(`${String(number + 1)} of ${String(pieces)}: ${String(seconds)} s, SEED=${String(seed)}`);
    const { isGood, description } = await soak({ number, seconds, seed });
    if (!isGood) failures += 1;
    console.log(description.replaceAll(/^/gm, isGood ? '  ' : '! '));
  }
  console.log(`${String(pieces)} pieces, ${String(failures)} failed`);
  process.exitCode = failures === 0 ? 0 : 1;
}
