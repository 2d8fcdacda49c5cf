/** The settings that hold where nobody says otherwise. */
import type { Settings } from './context.js';

export const DEFAULT_SETTINGS: Settings = {
  freeFloorBytes: 16 * 1024 * 1024,
  hookTimeoutMs: 60_000,
  lockWaitMs: 60_000,
  takeOverGraceMs: 5_000,
  roundsMax: 3,
  publishWaitMs: 10_000,
  clockSkewMaxMs: 60_000,
};
