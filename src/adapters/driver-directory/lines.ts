/** Files of JSON lines, written and read in bounded memory. */
import { open } from 'node:fs/promises';

const BUFFERED = 1 << 16;

export interface LineWriter {
  /** Answers the line as it will stand in the file. */
  write(value: object): Promise<string>;
  /** Writes out what is buffered; not durable. */
  end(): Promise<void>;
  close(): Promise<void>;
}

/** Makes the file, which must not exist; only its owner may read it, since it names what a private tree holds. */
export async function createLineWriter(path: string): Promise<LineWriter> {
  const file = await open(path, 'wx', 0o600);
  let pending = '';
  const flush = async (): Promise<void> => {
    const text = pending;
    pending = '';
    if (text !== '') await file.writeFile(text);
  };
  return {
    write: async (value) => {
      const line = `${JSON.stringify(value)}\n`;
      pending += line;
      if (pending.length >= BUFFERED) await flush();
      return line;
    },
    end: flush,
    close: () => file.close(),
  };
}

/** The lines of a file, without their ends. Only a newline ends a line: names may hold what else passes for one. */
export async function* readLines(path: string): AsyncGenerator<string, void, undefined> {
  const file = await open(path, 'r');
  let rest = '';
  try {
    for await (const chunk of file.createReadStream({ encoding: 'utf8' })) {
      const lines = `${rest}${String(chunk)}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    await file.close();
  }
  if (rest !== '') yield rest;
}
