/**
 * Where keys lie: two files of mode 0600 in a directory of mode 0700. A key stands in one file with its certificate, so
 * that a crash in a renewal leaves the old pair or the new one.
 */
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { readIfPresent, writeDurably } from '../../native/durable-file.js';
import { syncDirectory } from '../../native/sync.js';
import { list, literal, object, text, type Check } from '../../wire/shape.js';
import type { Authority } from './authority.js';

export interface StoredCredentials {
  readonly certificate: string;
  readonly key: string;
  readonly authorities: readonly string[];
}

const credentialsShape = object<StoredCredentials & { format: string }>({
  format: literal('snapcommit-credentials-1'),
  certificate: text,
  key: text,
  authorities: list(text),
});
const authorityShape = object<Authority & { format: string }>({
  format: literal('snapcommit-authority-1'),
  certificate: text,
  key: text,
});

export class CredentialFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What this node shows and believes; null before it has joined. */
  async readCredentials(): Promise<StoredCredentials | null> {
    const found = await this.#read('credentials.json', credentialsShape);
    return found && { certificate: found.certificate, key: found.key, authorities: found.authorities };
  }

  /** Durable when it resolves. */
  async writeCredentials({ certificate, key, authorities }: StoredCredentials): Promise<void> {
    await this.#write('credentials.json', { format: 'snapcommit-credentials-1', certificate, key, authorities });
  }

  /** Null on a node that does not issue. */
  async readAuthority(): Promise<Authority | null> {
    const found = await this.#read('authority.json', authorityShape);
    return found && { certificate: found.certificate, key: found.key };
  }

  /** Durable when it resolves. */
  async writeAuthority({ certificate, key }: Authority): Promise<void> {
    await this.#write('authority.json', { format: 'snapcommit-authority-1', certificate, key });
  }

  async #read<T>(name: string, shape: Check<T>): Promise<T | null> {
    const path = join(this.#directory, name);
    const content = await readIfPresent(path);
    if (content === null) return null;
    try {
      return shape(JSON.parse(content), name);
    } catch {
      // Without the cause: a JSON error quotes what it could not read, and that may be a key.
      throw new SnapcommitError('STATE_DIRECTORY_INVALID', `${path} cannot be read as what its name says`, { path });
    }
  }

  async #write(name: string, content: object): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await chmod(this.#directory, 0o700);
    await syncDirectory(dirname(this.#directory));
    await writeDurably(join(this.#directory, name), `${JSON.stringify(content)}\n`);
  }
}
