/**
 * What a process did to some files, as strace saw it, and the disks that a power loss in the middle could leave behind:
 * what was synced is there, and of the rest any part, down to sectors.
 */

const SECTOR_BYTES = 512;

export type Call =
  | { readonly kind: 'made' | 'removed'; readonly file: string }
  | { readonly kind: 'written'; readonly file: string; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncated'; readonly file: string; readonly size: number }
  /** Of a file or a directory. */
  | { readonly kind: 'synced'; readonly file: string };

/** strace's options for `callsOf`; it has to be told each file and directory (-P). */
export const TRACE = [
  '-f',
  '-y',
  '-xx',
  '-s',
  '1000000',
  '-e',
  'trace=openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink',
];

const LINE = /^\d+ +(\w+)\((.*)\) = (\d+)(?:<([^>]*)>)?$/;

/** The calls that succeeded, in their order. One thread made them. */
export function callsOf(trace: string): readonly Call[] {
  return trace.split('\n').flatMap((line): readonly Call[] => {
    const [, name = '', args = '', , opened = ''] = LINE.exec(line) ?? [];
    const [, first = ''] = /^\d+<([^>]*)>/.exec(args) ?? [];
    const file = textOf(first);
    const [, quoted = ''] = /"([^"]*)"/.exec(args) ?? [];
    const last = Number(/, (\d+)$/.exec(args)?.[1]);
    switch (name) {
      case 'openat':
        return args.includes('O_CREAT') ? [{ kind: 'made', file: textOf(opened) }] : [];
      case 'unlink':
        return [{ kind: 'removed', file: textOf(quoted) }];
      case 'pwrite64':
        return [{ kind: 'written', file, at: last, bytes: bytesOf(quoted) }];
      case 'write':
        return [{ kind: 'written', file, at: 0, bytes: bytesOf(quoted) }];
      case 'ftruncate':
        return [{ kind: 'truncated', file, size: last }];
      case 'fsync':
      case 'fdatasync':
        return [{ kind: 'synced', file }];
      default:
        return [];
    }
  });
}

function bytesOf(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll('\\x', ''), 'hex');
}

function textOf(escaped: string): string {
  return bytesOf(escaped).toString();
}

type Change = Extract<Call, { readonly kind: 'written' | 'truncated' }>;

interface TracedFile {
  /** On the disk for certain; null: it has no name there. */
  content: Buffer;
  isNamed: boolean;
  /** Whether its name, or that it is gone, may be on the disk as well; null: nothing changed. */
  maybeNamed: boolean | null;
  changes: Change[];
}

/** Files in one directory, some of which may be there before. */
export class PowerLoss {
  readonly #directory: string;
  readonly #files = new Map<string, TracedFile>();

  constructor(directory: string, before: ReadonlyMap<string, Buffer>) {
    this.#directory = directory;
    for (const [file, content] of before)
      this.#files.set(file, { content, isNamed: true, maybeNamed: null, changes: [] });
  }

  take(call: Call): void {
    if (call.file === this.#directory) {
      if (call.kind === 'synced') for (const file of this.#files.values()) settleName(file);
      return;
    }
    const file = this.#file(call.file);
    switch (call.kind) {
      case 'made':
        if (!file.isNamed || file.maybeNamed === false) file.maybeNamed = true;
        return;
      case 'removed':
        file.maybeNamed = false;
        return;
      case 'synced':
        file.content = file.changes.reduce(changed, file.content);
        file.changes = [];
        return;
      case 'written':
      case 'truncated':
        file.changes.push(call);
    }
  }

  /** What the disk may hold if the power goes now. `below`: randomness. */
  leftBy(below: (limit: number) => number): ReadonlyMap<string, Buffer> {
    const left = new Map<string, Buffer>();
    for (const [name, { content, isNamed, maybeNamed, changes }] of this.#files) {
      const isThere = maybeNamed !== null && below(2) === 0 ? maybeNamed : isNamed;
      // Often none or all of it, which are the likely ones.
      const share = below(4);
      const reached = changes.filter(() => share === 3 || (share > 0 && below(2) === 0));
      const torn = reached.map((change) => (share < 3 && below(4) === 0 ? tornOff(change, below) : change));
      if (isThere) left.set(name, torn.reduce(changed, content));
    }
    return left;
  }

  #file(name: string): TracedFile {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const file = { content: Buffer.alloc(0), isNamed: false, maybeNamed: null, changes: [] };
    this.#files.set(name, file);
    return file;
  }
}

function settleName(file: TracedFile): void {
  if (file.maybeNamed === null) return;
  // Whatever comes back under the name is another file.
  if (!file.maybeNamed) [file.content, file.changes] = [Buffer.alloc(0), []];
  [file.isNamed, file.maybeNamed] = [file.maybeNamed, null];
}

function changed(content: Buffer, change: Change): Buffer {
  const size = change.kind === 'truncated' ? change.size : Math.max(content.length, change.at + change.bytes.length);
  const next = Buffer.alloc(size);
  content.copy(next);
  if (change.kind === 'written') change.bytes.copy(next, change.at);
  return next;
}

/** Some sectors from its beginning on. */
function tornOff(change: Change, below: (limit: number) => number): Change {
  if (change.kind === 'truncated') return change;
  const sectors = below(Math.ceil(change.bytes.length / SECTOR_BYTES) + 1);
  return { ...change, bytes: change.bytes.subarray(0, sectors * SECTOR_BYTES) };
}
