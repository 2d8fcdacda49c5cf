/** A state machine that is driven by script lines (parse.ts). Every state is frozen, so that a reducer cannot change one. */
import { apply, type Applied } from '#src/machine/apply.js';
import { canonicalJson } from '#src/machine/digest.js';
import type { Entry, Outcome, Slot } from '#src/machine/entry.js';
import { emptyState, type ArchiveChange, type State } from '#src/machine/state.js';
import { parseEntry, type Begun } from './parse.js';

export class ScriptMachine {
  state: State = emptyState(1);
  readonly archive: ArchiveChange[] = [];
  /** Every transaction that began. */
  readonly begun = new Map<string, Begun>();

  /** Runs setup lines; a refused one is an error of the test. */
  constructor(setup = '') {
    for (const line of setup.split('\n').filter((text) => text.trim() !== '')) {
      const outcome = this.run(line);
      if (!outcome.ok) throw new Error(`${line.trim()}: ${outcome.code} ${outcome.message}`);
    }
  }

  run(line: string): Outcome {
    return this.step(line).outcome;
  }

  step(line: string): Applied {
    return this.apply(parseEntry(line, { state: this.state, begun: this.begun }));
  }

  /** `ok`, or the code of the refusal. */
  code(line: string): string {
    const outcome = this.run(line);
    return outcome.ok ? 'ok' : outcome.code;
  }

  apply(entry: Entry): Applied {
    const slot = (this.state.applied + 1) as Slot;
    const applied = apply(this.state, slot, entry);
    this.state = deepFreeze(applied.state);
    this.archive.push(...applied.archive);
    const { operation } = entry;
    if (operation.type === 'begin' && applied.outcome.ok && !this.begun.has(operation.transaction)) {
      const epoch = { incarnation: this.state.incarnation, slot: applied.slot };
      this.begun.set(operation.transaction, { members: operation.members, mode: operation.mode, epoch });
    }
    return applied;
  }

  /** What a checkpoint's install does to a state; `sorted`: by a codec that puts every object's keys in order. */
  reload(sorted = false): void {
    const text = sorted ? canonicalJson(this.state) : JSON.stringify(this.state);
    this.state = deepFreeze(JSON.parse(text) as State);
  }

  /** Lets `slots` entries pass that change nothing. */
  pass(slots: number): void {
    for (let i = 0; i < slots; i += 1) this.run('published nobody@1 a');
  }
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
