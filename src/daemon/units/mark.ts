/** The mark in the first line of a unit that we wrote: by it one that a person has changed since is known. PURE. */
import { createHash } from 'node:crypto';

const MARK = /^# Written by `snapcommit install-units`, digest ([0-9a-f]{64}): [^\n]*\n/;

export function marked(body: string): string {
  return `# Written by \`snapcommit install-units\`, digest ${digestOf(body)}: change it with \`systemctl edit\`, not here.\n${body}`;
}

export type Judgement = 'missing' | 'same' | 'ours' | 'changed';

/** What stands there (null: nothing) beside what we would write: `ours` is as we once wrote it. */
export function judge(found: string | null, wanted: string | null): Judgement {
  if (found === null) return 'missing';
  if (found === wanted) return 'same';
  const mark = MARK.exec(found);
  if (mark === null) return 'changed';
  return mark[1] === digestOf(found.slice(mark[0].length)) ? 'ours' : 'changed';
}

function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
