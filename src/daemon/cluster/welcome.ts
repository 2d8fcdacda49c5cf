/** What a new member and the one that lets it in tell each other, besides names and certificates. */
import { slotShape } from '../../log/entry-shape.js';
import { nodeId } from '../../paxos/ballot.js';
import type { Configuration } from '../../paxos/configuration.js';
import { slot } from '../../paxos/slot.js';
import { decodeCbor, encodeCbor } from '../../wire/cbor.js';
import { list, natural, object, text, type Check } from '../../wire/shape.js';

/** The new one's. */
export interface About {
  /** `HOST:PORT` at which the others will reach it. */
  readonly address: string;
}

/** The other's answer. */
export interface Welcome {
  readonly incarnation: number;
  /** The membership that has the new node in it, as a learner. */
  readonly configuration: Configuration;
  /** PEM. Every member can issue certificates: otherwise the loss of one would end the cluster when the others' expire. */
  readonly authority: { readonly certificate: string; readonly key: string };
}

const aboutShape = object<About>({ address: text });
const node: Check<ReturnType<typeof nodeId>> = (value, where) => nodeId(text(value, where));
const welcomeShape = object<Welcome>({
  incarnation: natural,
  configuration: object<Configuration>({
    id: natural,
    voters: list(node),
    learners: list(node),
    after: (value, where) => slot(slotShape(value, where)),
  }),
  authority: object<Welcome['authority']>({ certificate: text, key: text }),
});

export function encodeAbout(about: About): Uint8Array {
  return encodeCbor(about);
}

/** @throws TypeError */
export function decodeAbout(bytes: Uint8Array): About {
  return aboutShape(decodeCbor(bytes), 'about');
}

export function encodeWelcome(welcome: Welcome): Uint8Array {
  return encodeCbor(welcome);
}

/** @throws TypeError */
export function decodeWelcome(bytes: Uint8Array): Welcome {
  return welcomeShape(decodeCbor(bytes), 'welcome');
}
