/** A command that must be refused: its exit status, its code, what it says, and that nothing has changed. */
import type { Test } from 'tap';
import { at, textAt } from './answers.js';
import { fingerprint } from './fingerprint.js';
import type { World } from './world.js';

export interface Refusal {
  readonly args: readonly string[];
  readonly status: number;
  readonly code: string;
  readonly says: RegExp | string;
  /** The log itself judged it: the refused entry stands there, and has changed nothing. */
  readonly judgedByLog?: boolean;
}

/** Runs each; a transaction that was begun (5) may have left its two entries in the log, and nothing else. */
export async function assertRefused(t: Test, world: World, refusals: readonly Refusal[]): Promise<void> {
  for (const { args, status, code, says, judgedByLog } of refusals) {
    const begun = status === 5 || judgedByLog === true ? 'begun' : 'nothing begun';
    const before = await fingerprint(world, begun);
    const result = await world.cli(['--json', ...args]);
    const name = args.map((arg) => JSON.stringify(arg)).join(' ');
    t.equal(result.status, status, `${name}: exit status, ${result.stdout.slice(0, 500)}`);
    t.equal(at(result.json, 'error.code'), code, `${name}: code`);
    t.match(textAt(result.json, 'error.message'), says, `${name}: message`);
    t.strictSame(await fingerprint(world, begun), before, `${name}: nothing changed`);
  }
}
