/**
 * The members' addresses beside the log, kept as the log has them: a member whose checkpoint is damaged finds in here
 * whom to ask for another. Every change is written, one after the other; one that cannot be is told, and made up for by
 * the next.
 */
import type { PeerAddress } from '../../ports/transport.js';
import { formatAddress } from './address.js';
import { writeContacts, type Contacts } from './place.js';

export class ContactBook {
  readonly #stateDirectory: string;
  readonly #onFailed: (error: unknown) => void;
  #contacts: Contacts;
  #writing: Promise<void> = Promise.resolve();
  #written: string;

  constructor(stateDirectory: string, contacts: Contacts, onFailed: (error: unknown) => void) {
    this.#stateDirectory = stateDirectory;
    this.#onFailed = onFailed;
    this.#contacts = contacts;
    this.#written = textOf(contacts);
  }

  get contacts(): Contacts {
    return this.#contacts;
  }

  /** Whom the log names now, this node left out. */
  keep(peers: ReadonlyMap<string, PeerAddress>): void {
    const members = [...peers].map(([node, address]) => ({ node, address: formatAddress(address) }));
    members.sort((a, b) => (a.node < b.node ? -1 : 1));
    this.#contacts = { address: this.#contacts.address, members };
    this.#writing = this.#writing.then(() => this.#write());
  }

  /** Resolves when what was to be kept is durable, or could not be. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const contacts = this.#contacts;
    const text = textOf(contacts);
    if (text === this.#written) return;
    try {
      await writeContacts(this.#stateDirectory, contacts);
      this.#written = text;
    } catch (error) {
      this.#onFailed(error);
    }
  }
}

function textOf(contacts: Contacts): string {
  return JSON.stringify(contacts);
}
