/** A violation in words: the longest order that fits, and what could not be placed after it. PURE. */
import { UNHEARD, type Operation } from './history.js';
import type { Model } from './model.js';
import type { Stuck } from './search.js';

/** How many of the last placed operations are shown. */
const SHOWN = 12;

export function explain<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  { order, state, unplaced, concurrent }: Stuck<State, Call, Answer>,
  of: string,
): string {
  const left = order.length - SHOWN;
  return [
    `the history${of} is not linearizable: no order explains this answer`,
    `    ${describe(unplaced)}`,
    `the longest order that fits has ${String(order.length)} operations, and ends with`,
    ...(left > 0 ? [`    … (${String(left)} more)`] : []),
    ...order.slice(-SHOWN).map((operation) => `    ${describe(operation)}`),
    `after them the state is ${model.show(state)}`,
    concurrent.length === 0
      ? 'nothing else was running'
      : 'running at that moment, and no help in whatever order they are placed before it:',
    ...concurrent.slice(0, SHOWN).map((operation) => `    ${describe(operation)}`),
    ...(concurrent.length > SHOWN ? [`    … (${String(concurrent.length - SHOWN)} more)`] : []),
  ].join('\n');
}

/** `client 3: {"write":1} → "done" (events 4 to 9)` */
function describe<Call, Answer>({ process, call, answer, invoked, answered }: Operation<Call, Answer>): string {
  const heard = answer === UNHEARD ? 'outcome unknown' : JSON.stringify(answer);
  const span =
    answer === UNHEARD ? `since event ${String(invoked)}` : `events ${String(invoked)} to ${String(answered)}`;
  return `${process}: ${JSON.stringify(call)} → ${heard} (${span})`;
}
