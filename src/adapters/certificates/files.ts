/**
 * Where keys lie: files of mode 0600 in a directory of mode 0700. A key stands in one file with its certificate, so
 * that a crash in a renewal leaves the old pair or the new one.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { removeDurably, TEMPORARY_NAME, writeDurably } from '../../native/durable-file.js';
import type { PeerName } from '../../wire/peer-uri.js';
import { list, literal, object, text, type Check } from '../../wire/shape.js';
import type { Authority } from './authority.js';
import { makeKeyAndRequest, type KeyAndRequest } from './keys.js';
import { makePrivateDirectory, readPrivate } from './private-files.js';

export interface StoredCredentials {
  readonly certificate: string;
  readonly key: string;
  readonly authorities: readonly string[];
}

const APPLICATION = 'application.json';
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

const applicationShape = object<PeerName & { format: string; key: string; request: string }>({
  format: literal('snapcommit-application-1'),
  cluster: text,
  node: text,
  key: text,
  request: text,
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

  /** The key with which this node applies, the same until it has joined. Durable when it resolves. */
  async applicationKeys({ cluster, node }: PeerName): Promise<KeyAndRequest> {
    const found = await this.#read(APPLICATION, applicationShape);
    if (found?.cluster === cluster && found.node === node)
      return { key: found.key, request: Buffer.from(found.request, 'base64') };
    const made = await makeKeyAndRequest({ cluster, node });
    const request = Buffer.from(made.request).toString('base64');
    await this.#write(APPLICATION, { format: 'snapcommit-application-1', cluster, node, key: made.key, request });
    return made;
  }

  /** It has joined. */
  async endApplication(): Promise<void> {
    await removeDurably(join(this.#directory, APPLICATION));
  }

  /** Takes away what a join or a write that died has left: keys are among it. By whoever alone writes here. */
  async removeLeftovers(): Promise<void> {
    for (const name of await readdir(this.#directory))
      if (name === APPLICATION || TEMPORARY_NAME.test(name)) await removeDurably(join(this.#directory, name));
  }

  async #read<T>(name: string, shape: Check<T>): Promise<T | null> {
    const path = join(this.#directory, name);
    const content = await readPrivate(path);
    if (content === null) return null;
    try {
      return shape(JSON.parse(content), name);
    } catch {
      // Without the cause: a JSON error quotes what it could not read, and that may be a key.
      throw new SnapcommitError('STATE_DIRECTORY_INVALID', `${path} cannot be read as what its name says`, { path });
    }
  }

  async #write(name: string, content: object): Promise<void> {
    await makePrivateDirectory(this.#directory);
    await writeDurably(join(this.#directory, name), `${JSON.stringify(content)}\n`);
  }
}
