/** Two sequences of lines in walk order, compared in step: what is in one only, and what differs. */
import { comparePaths } from '../../native/path-bytes.js';

export interface Difference {
  readonly path: string;
  readonly kind: 'added' | 'changed' | 'removed';
  /** Changed: the names of the fields that differ. */
  readonly fields: readonly string[];
}

export interface Line {
  readonly path: string;
}

/** Ordered by path. `fields` names what counts; a field that one side lacks differs from one that is there. */
export async function* compareLines(
  before: AsyncIterator<Line, unknown>,
  after: AsyncIterator<Line, unknown>,
  fields: readonly string[],
): AsyncGenerator<Difference, void, undefined> {
  let [old, now] = [await next(before), await next(after)];
  while (old !== null || now !== null) {
    const order = old === null ? 1 : now === null ? -1 : comparePaths(old.path, now.path);
    if (old !== null && order < 0) {
      yield { path: old.path, kind: 'removed', fields: [] };
      old = await next(before);
    } else if (now !== null && order > 0) {
      yield { path: now.path, kind: 'added', fields: [] };
      now = await next(after);
    } else if (old !== null && now !== null) {
      const [left, right] = [old, now];
      const different = fields.filter((field) => valueOf(left, field) !== valueOf(right, field));
      if (different.length > 0) yield { path: left.path, kind: 'changed', fields: different };
      [old, now] = [await next(before), await next(after)];
    }
  }
}

function valueOf(line: Line, field: string): string | undefined {
  const value: unknown = Reflect.get(line, field);
  return value === undefined ? undefined : JSON.stringify(value);
}

async function next<T>(lines: AsyncIterator<T, unknown>): Promise<T | null> {
  const step = await lines.next();
  return step.done === true ? null : step.value;
}
