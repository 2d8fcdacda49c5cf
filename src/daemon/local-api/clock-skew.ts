/** Why the log does not answer, where the reason is a clock: what a command is told then. */
import { SnapcommitError } from '../../errors.js';
import { plain } from '../../wire/shape.js';

/** `status`: the daemon's own, of the cluster (admin.ts). Null: no clock is known to be the reason. */
export function clockSkewIn(status: unknown, error: SnapcommitError): SnapcommitError | null {
  const { clockRefusal } = plain(status, 'clusterStatus');
  if (typeof clockRefusal !== 'string') return null;
  return new SnapcommitError(
    'CLOCK_SKEW',
    `this node cannot reach a majority, since clocks differ too much: ${clockRefusal}. Set the clock that is wrong, and ` +
      'see why nothing keeps it right, such as NTP; the nodes find each other again by themselves.',
    { ...error.details, refusal: clockRefusal },
    error,
  );
}
