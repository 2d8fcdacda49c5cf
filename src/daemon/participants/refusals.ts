/** Why a call was not made, or is not waited for any more: what a person reads. */
import { SnapcommitError } from '../../errors.js';

const WHO_IS_MISSING = '`snapcommit cluster status` shows who is missing';

export interface Absence {
  /** ms since the epoch. */
  readonly since: number;
  /** Why the last connection was refused, where one was. */
  readonly refusal: string | null;
  /** It was because one of both clocks is wrong. */
  readonly isClock: boolean;
}

export function unreachable(
  node: string,
  { since, refusal, isClock }: Absence,
  mayHaveBegun: boolean,
): SnapcommitError {
  const when = new Date(since).toISOString();
  const doubt = mayHaveBegun ? '; whether it has done what it was asked for is not known' : '';
  const why = refusal === null ? '' : ` (${refusal})`;
  return new SnapcommitError(
    'UNAVAILABLE',
    `node ${node} cannot be reached since ${when}${why}${doubt}; ${WHO_IS_MISSING}`,
    { node, since: when, refusal, mayHaveBegun, isClock },
  );
}

export function saysNothing(node: string, silentMs: number): SnapcommitError {
  return new SnapcommitError(
    'UNAVAILABLE',
    `node ${node} is connected, but has said nothing of a request for ${String(silentMs)} ms; look at its daemon's log`,
    { node, mayHaveBegun: true },
  );
}

export function isStrange(node: string): SnapcommitError {
  return new SnapcommitError(
    'NODE_NOT_FOUND',
    `node ${node} is no member of this cluster; \`snapcommit cluster members\` shows them`,
    { node },
  );
}

export function isTooMany(node: string, most: number): SnapcommitError {
  return new SnapcommitError(
    'UNAVAILABLE',
    `${String(most)} requests to node ${node} are open already; wait for some`,
    {
      node,
    },
  );
}

export function isTooLarge(node: string, bytes: number, most: number): SnapcommitError {
  return new SnapcommitError(
    'UNSUPPORTED',
    `a request to node ${node} would have ${String(bytes)} bytes; at most ${String(most)} are sent`,
    { node },
  );
}

export function notAnAnswer(node: string, kind: string, cause: TypeError): SnapcommitError {
  return new SnapcommitError(
    'UNAVAILABLE',
    `node ${node}: its answer to ${kind} cannot be read (${cause.message}); it may run another version of snapcommit`,
    { node },
    cause,
  );
}

/** A command rides over it: its next connection finds the next daemon (daemon-client.ts). */
export function isStopping(): SnapcommitError {
  return new SnapcommitError('UNAVAILABLE', 'the daemon is stopping; ask its next start', { stopping: true });
}
