/**
 * Whether another node's clock can be believed. Nothing that is decided depends on a clock; certificates, deadlines and the
 * times that people read do, so a clock that is far off is told before anything begins.
 */
import { SnapcommitError } from '../errors.js';
import type { Context } from '../participant/context.js';

export interface ClockAnswer {
  readonly node: string;
  /** That node's, of the group: whoever reads the message knows them. */
  readonly volumes: readonly string[];
  /** By that node's clock, ms since the epoch, somewhere between the question and its answer. */
  readonly now: number;
  /** When it was asked, by our monotonic clock. */
  readonly asked: number;
}

/** @throws CLOCK_SKEW where that clock is off by more than `clockSkewMaxMs`, whenever within the round trip it was read. */
export function assertClock({ clock, settings, self }: Context, { node, volumes, now, asked }: ClockAnswer): void {
  const halfMs = (clock.monotonic() - asked) / 2;
  const aheadMs = Math.round(now - (clock.now() - halfMs));
  const offMs = Math.abs(aheadMs);
  if (offMs - halfMs <= settings.clockSkewMaxMs) return;
  const whose = volumes.length === 0 ? '' : ` (volume${volumes.length > 1 ? 's' : ''} ${volumes.join(', ')})`;
  throw new SnapcommitError(
    'CLOCK_SKEW',
    `the clock of node ${node}${whose} is ${seconds(offMs)} ${aheadMs > 0 ? 'ahead of' : 'behind'} that of ${self.node}; ` +
      `${seconds(settings.clockSkewMaxMs)} are allowed (clockSkewMaxMs). Nothing was begun. Set the clock that is wrong, ` +
      'and see why nothing keeps it right, such as NTP.',
    { node, volumes, aheadMs, clockSkewMaxMs: settings.clockSkewMaxMs },
  );
}

/**
 * What a node's survey failed with, told with its volumes, since the node's name may be strange to whoever asked for a commit.
 * One that is out of reach because its clock and ours do not go together is told as that.
 */
export function surveyFailure(error: unknown, node: string, volumes: readonly string[]): unknown {
  if (!(error instanceof SnapcommitError) || error.code !== 'UNAVAILABLE' || volumes.length === 0) return error;
  const details = { ...error.details, node, volumes };
  const { isClock, refusal } = error.details;
  const has = `Node ${node} has volume${volumes.length > 1 ? 's' : ''} ${volumes.join(', ')} of the group`;
  if (isClock !== true || typeof refusal !== 'string')
    return new SnapcommitError(error.code, `${error.message}. ${has}.`, details, error);
  const advice = 'Set the clock that is wrong, and see why nothing keeps it right, such as NTP.';
  const message = `node ${node} cannot be reached: ${refusal}. ${has}; nothing was begun. ${advice}`;
  return new SnapcommitError('CLOCK_SKEW', message, details, error);
}

function seconds(ms: number): string {
  return `${String(ms < 10_000 ? ms / 1000 : Math.round(ms / 1000))} s`;
}
