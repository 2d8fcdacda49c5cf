/** What a cluster's member keeps in its state directory beside the log: keys, and how it was told to be reached. */
import { join } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { readIfPresent, writeDurably } from '../../native/durable-file.js';
import { list, literal, object, text } from '../../wire/shape.js';

/** Mode 0700: the keys lie here. */
export const clusterDirectory = (stateDirectory: string): string => join(stateDirectory, 'cluster');

/** Of use until the log itself says who the members are and where, and where it cannot be read (contact-book.ts). */
export interface Contacts {
  /** `HOST:PORT` at which the others reach this node. */
  readonly address: string;
  /** The other members, as the log last had them. */
  readonly members: readonly { readonly node: string; readonly address: string }[];
}

const FORMAT = 'snapcommit-contacts-1';
const contactsShape = object<Contacts & { format: string }>({
  format: literal(FORMAT),
  address: text,
  members: list(object<Contacts['members'][number]>({ node: text, address: text })),
});

const contactsFile = (stateDirectory: string): string => join(clusterDirectory(stateDirectory), 'contacts.json');

/** Durable when it resolves. The directory is there: the credentials were written before. */
export async function writeContacts(stateDirectory: string, { address, members }: Contacts): Promise<void> {
  await writeDurably(contactsFile(stateDirectory), `${JSON.stringify({ format: FORMAT, address, members })}\n`);
}

/** @throws STATE_DIRECTORY_INVALID when it is missing or cannot be read as what it is. */
export async function readContacts(stateDirectory: string): Promise<Contacts> {
  const path = contactsFile(stateDirectory);
  const content = await readIfPresent(path);
  try {
    const { address, members } = contactsShape(JSON.parse(content ?? ''), path);
    return { address, members };
  } catch (cause) {
    throw new SnapcommitError(
      'STATE_DIRECTORY_INVALID',
      `${path} is missing or damaged, so this member does not know where to listen. Replace this member by a new one`,
      { path },
      cause,
    );
  }
}
