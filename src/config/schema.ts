/**
 * What the settings file may say. Unknown keys are refused: a misspelt setting that is silently ignored is worse than
 * none. Sizes and durations are numbers (bytes, ms) or text with a unit.
 */
import { z } from 'zod';
import { SnapcommitError } from '../errors.js';
import {
  ADDRESS_LAW,
  DURATION_LAW,
  DURATION_MAX_MS,
  parseAddress,
  parseCount,
  parseDuration,
  parseSize,
  SIZE_LAW,
} from './quantities.js';

/** A subset of the node's settings; see participant/context.ts and daemon/settings.ts for what each means. */
export interface FileSettings {
  readonly freeFloorBytes?: number;
  readonly hookTimeoutMs?: number;
  readonly lockWaitMs?: number;
  readonly takeOverGraceMs?: number;
  readonly roundsMax?: number;
  readonly logTimeoutMs?: number;
  readonly heartbeatMs?: number;
  readonly checkpointSlots?: number;
  readonly keepSlots?: number;
  readonly takeOverAfterMs?: number;
  readonly publishWaitMs?: number;
  readonly clockSkewMaxMs?: number;
  readonly unreachableMs?: number;
  readonly scrubEveryMs?: number;
  /** `HOST:PORT` each. */
  readonly listen?: string;
  readonly advertise?: string;
  readonly metricsListen?: string;
}

/** A number between the bounds, or text that `parse` makes one; anything else breaks the law. */
const quantity = (law: string, parse: (text: string) => number | null, least: number, most: number) =>
  z.union([z.number(), z.string()], { error: `must be ${law}` }).transform((given, context): number => {
    const value = typeof given === 'string' ? parse(given) : given;
    if (value !== null && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    context.addIssue({ code: 'custom', message: `must be ${law}` });
    return z.NEVER;
  });

const bytes = quantity(SIZE_LAW, parseSize, 0, Number.MAX_SAFE_INTEGER);
const ms = quantity(`a whole number of ms, or ${DURATION_LAW}`, parseDuration, 1, DURATION_MAX_MS);

const address = z
  .string({ error: `must be ${ADDRESS_LAW}` })
  .refine((text) => parseAddress(text) !== null, { error: `must be ${ADDRESS_LAW}` });

/** A port alone is one of this machine's own loopback. */
const loopbackAddress = z
  .union([z.string(), z.number()], { error: `must be a port, or ${ADDRESS_LAW}` })
  .transform((given, context): string => {
    const text = /^[0-9]+$/.test(String(given)) ? `127.0.0.1:${String(given)}` : String(given);
    if (parseAddress(text) !== null) return text;
    context.addIssue({ code: 'custom', message: `must be a port, or ${ADDRESS_LAW}` });
    return z.NEVER;
  });

const SETTINGS = z.strictObject({
  freeFloorBytes: bytes.optional(),
  hookTimeoutMs: ms.optional(),
  lockWaitMs: ms.optional(),
  takeOverGraceMs: ms.optional(),
  roundsMax: quantity('a whole number from 1 to 100', parseCount, 1, 100).optional(),
  logTimeoutMs: ms.optional(),
  heartbeatMs: quantity('a time from 10ms to 10s', parseDuration, 10, 10_000).optional(),
  checkpointSlots: quantity('a whole number from 16 to 1000000', parseCount, 16, 1_000_000).optional(),
  keepSlots: quantity('a whole number up to 1000000', parseCount, 0, 1_000_000).optional(),
  takeOverAfterMs: quantity('a time from 100ms to 1h', parseDuration, 100, 3_600_000).optional(),
  publishWaitMs: ms.optional(),
  clockSkewMaxMs: ms.optional(),
  unreachableMs: ms.optional(),
  scrubEveryMs: quantity('a time from 1m to 480h', parseDuration, 60_000, 480 * 3_600_000).optional(),
  listen: address.optional(),
  advertise: address.optional(),
  metricsListen: loopbackAddress.optional(),
});

/** USAGE, naming the file and the key, where `text` is not valid. */
export function parseSettings(file: string, text: string): FileSettings {
  const result = SETTINGS.safeParse(parseJson(file, text));
  if (result.success) return withoutUndefined(result.data);
  const problems = result.error.issues.map((issue) => problemOf(issue));
  const known = Object.keys(SETTINGS.shape).join(', ');
  throw new SnapcommitError(
    'USAGE',
    `the settings file ${file} is not valid: ${problems.join('; ')}. The settings are ${known}.`,
    { path: file, problems },
  );
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SnapcommitError('USAGE', `the settings file ${file} is no JSON: ${reason}.`, { path: file }, error);
  }
}

function problemOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${JSON.stringify(key)} is no setting`).join('; ');
  }
  const where = issue.path.map((part) => String(part)).join('.');
  return where === '' ? 'it must be an object' : `${JSON.stringify(where)} ${issue.message}`;
}

function withoutUndefined(settings: z.output<typeof SETTINGS>): FileSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
