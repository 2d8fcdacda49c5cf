/**
 * What the parent and the launcher tell each other over one inherited socket: one line of JSON in each direction. The
 * launcher's line comes right before it becomes the command, or instead. Types and parsing only.
 */
import { ERROR_CODES, type ErrorCode } from '../../errors.js';

/** The socket's descriptor in the launcher; the locks to inherit follow it. */
export const CHANNEL_FD = 3;

export interface LaunchPlacement {
  readonly from: string;
  readonly at: string;
  readonly readOnly: boolean;
}

export interface LaunchSpecification {
  /** The cgroup.procs file to join first; null: none. */
  readonly cgroupProcs: string | null;
  /** Whether the launcher stands in a private mount namespace; where not, there are no placements. */
  readonly mount: boolean;
  /** Parents before children. */
  readonly placements: readonly LaunchPlacement[];
  readonly workingDirectory: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** How many descriptors from CHANNEL_FD + 1 on stay open in the command. */
  readonly inherited: number;
}

export type LaunchReply =
  { readonly status: 'ready' } | { readonly status: 'failed'; readonly code: ErrorCode; readonly message: string };

/** Parses the parent's line. Throws a plain Error: only a broken build sends anything else. */
export function parseSpecification(text: string): LaunchSpecification {
  const value: unknown = JSON.parse(text);
  if (!isSpecification(value)) throw new Error('the launcher was given something that is no specification');
  return value;
}

/** Parses the launcher's line; null when it said nothing, which means that it was never reached. */
export function parseReply(text: string): LaunchReply | null {
  if (!text.endsWith('\n')) return null;
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) return null;
  if (value['status'] === 'ready') return { status: 'ready' };
  const code = ERROR_CODES.find((known) => known === value['code']);
  return code === undefined ? null : { status: 'failed', code, message: String(value['message']) };
}

function isSpecification(value: unknown): value is LaunchSpecification {
  return (
    isRecord(value) &&
    (value['cgroupProcs'] === null || typeof value['cgroupProcs'] === 'string') &&
    typeof value['mount'] === 'boolean' &&
    Array.isArray(value['placements']) &&
    value['placements'].every(isPlacement) &&
    typeof value['workingDirectory'] === 'string' &&
    Array.isArray(value['command']) &&
    value['command'].every((word) => typeof word === 'string') &&
    isRecord(value['environment']) &&
    Object.values(value['environment']).every((variable) => typeof variable === 'string') &&
    typeof value['inherited'] === 'number'
  );
}

function isPlacement(value: unknown): value is LaunchPlacement {
  return (
    isRecord(value) &&
    typeof value['from'] === 'string' &&
    typeof value['at'] === 'string' &&
    typeof value['readOnly'] === 'boolean'
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
