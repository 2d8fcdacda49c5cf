/** What an object does when it is used by one client alone. PURE; the models themselves are in models.ts. */
import type { Unheard } from './history.js';

export interface Model<State, Call, Answer> {
  readonly initial: State;
  /** The state after `call` was answered with `answer` (any answer where it is UNHEARD); null: it cannot answer so. */
  step(state: State, call: Call, answer: Answer | Unheard): State | null;
  /** Whether a call with this answer changes nothing in whatever state it fits: such calls are placed as soon as they fit. */
  readsOnly(call: Call, answer: Answer | Unheard): boolean;
  /** Equal for equal states, and for no others. */
  key(state: State): string;
  /** Which object this call is about; absent: all calls are about one. Objects are checked one by one. */
  objectOf?(call: Call): string;
  /** For the explanation of a violation. */
  show(state: State): string;
}
