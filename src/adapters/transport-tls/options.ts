/** What a transport is made of. */
import type { Clock } from '../../ports/clock.js';
import type { Random } from '../../ports/random.js';
import type { Timers } from '../../ports/timers.js';
import type { PeerAddress, TransportUser } from '../../ports/transport.js';
import type { PeerName } from '../../wire/peer-uri.js';
import type { Credentials } from './credentials.js';
import type { TransportLimits } from './limits.js';
import type { Services } from './listener.js';

export interface TlsTransportOptions {
  readonly self: PeerName;
  readonly listen: PeerAddress;
  readonly credentials: Credentials;
  readonly user: TransportUser;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly limits?: Partial<TransportLimits>;
  /** Other services on the same port. */
  readonly services?: Services;
}
