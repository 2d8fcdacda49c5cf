/** What is counted of calls between nodes. Types only. */
import type { Call } from './protocol.js';

export interface CallMetrics {
  /** A call to another node was made. */
  asked(kind: Call['type']): void;
  /** It was answered by an error, or not at all. */
  failed(kind: Call['type']): void;
  /** It was sent once more. */
  resent(kind: Call['type']): void;
  /** A call of another node, or of a command to its own node, was begun here. */
  begun(kind: Call['type']): void;
}
