/** A group as its users see it: commits with an expectation, holds, and reads. PURE. */
import { UNHEARD, type Unheard } from './history.js';
import type { Model } from './model.js';

export type GroupCall = { readonly group: string } & (
  | { readonly kind: 'show' }
  /** `--expect-generation`; null: whatever is the newest. A commit that found the group busy failed: nothing was done. */
  | { readonly kind: 'commit'; readonly expect: number | null }
  | { readonly kind: 'hold'; readonly generation: number; readonly tag: string }
  | { readonly kind: 'release'; readonly generation: number; readonly tag: string }
);

export type GroupAnswer =
  | { readonly kind: 'seen'; readonly newest: number; readonly holds: readonly string[] }
  | { readonly kind: 'committed'; readonly generation: number }
  | { readonly kind: 'done' }
  /** The expectation failed; no such generation; not held under that tag. */
  | { readonly kind: 'refused' };

export interface GroupObject {
  readonly newest: number;
  /** `generation tag`, sorted. */
  readonly holds: readonly string[];
}

export const groupModel: Model<GroupObject, GroupCall, GroupAnswer> = {
  initial: { newest: 0, holds: [] },
  step(state, call, heard) {
    const { after, answer } = apply(state, call);
    return agrees(answer, heard) ? after : null;
  },
  readsOnly: ({ kind }, heard) => kind === 'show' || (heard !== UNHEARD && heard.kind === 'refused'),
  key: ({ newest, holds }) => `${String(newest)} ${holds.join(',')}`,
  objectOf: ({ group }) => group,
  show: ({ newest, holds }) => `generation ${String(newest)}, held: ${holds.join(', ') || 'nothing'}`,
};

function apply(state: GroupObject, call: GroupCall): { readonly after: GroupObject; readonly answer: GroupAnswer } {
  const refused = { after: state, answer: { kind: 'refused' } } as const;
  const { newest, holds } = state;
  switch (call.kind) {
    case 'show':
      return { after: state, answer: { kind: 'seen', newest, holds } };
    case 'commit':
      if (call.expect !== null && call.expect !== newest) return refused;
      return { after: { newest: newest + 1, holds }, answer: { kind: 'committed', generation: newest + 1 } };
    case 'hold': {
      const hold = holdOf(call);
      if (call.generation < 1 || call.generation > newest) return refused;
      // Holding what that tag holds already is no error.
      return { after: { newest, holds: [...new Set([...holds, hold])].sort() }, answer: { kind: 'done' } };
    }
    case 'release': {
      const hold = holdOf(call);
      if (!holds.includes(hold)) return refused;
      return { after: { newest, holds: holds.filter((other) => other !== hold) }, answer: { kind: 'done' } };
    }
  }
}

export function holdOf({ generation, tag }: { readonly generation: number; readonly tag: string }): string {
  return `${String(generation)} ${tag}`;
}

function agrees(answer: GroupAnswer, heard: GroupAnswer | Unheard): boolean {
  if (heard === UNHEARD) return true;
  if (answer.kind === 'seen' && heard.kind === 'seen') {
    return answer.newest === heard.newest && answer.holds.join(',') === [...heard.holds].sort().join(',');
  }
  if (answer.kind === 'committed' && heard.kind === 'committed') return answer.generation === heard.generation;
  return answer.kind === heard.kind;
}
