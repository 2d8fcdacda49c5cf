/** Faults that a simulation plants in the memory driver's calls. */
import type { VolumeDriver } from '../../ports/volume-driver.js';

export type DriverMethod = Exclude<keyof VolumeDriver, 'name' | 'capabilities' | 'path' | 'pools'>;

/**
 * What a failing call did all the same: nothing; everything (G3, L6: failed, yet it took effect); or nothing yet, until
 * `arriveLate` (G11: a snapshot that appears after its caller died).
 */
export type FaultEffect = 'none' | 'done' | 'late';

export interface Faults {
  /** The next call of `method` that has no fault yet rejects with `error`. */
  failNext(method: DriverMethod, error: Error, effect?: FaultEffect): void;
  /** No call fails any more of those that wait for it. */
  forgetFaults(): void;
  /** Lets every late call take effect, in order; what they answer is lost. */
  arriveLate(): Promise<void>;
  /** Runs a call under the faults that wait for it. */
  run<T>(method: DriverMethod, act: () => Promise<T>): Promise<T>;
}

export function createFaults(): Faults {
  const waiting: { readonly method: DriverMethod; readonly error: Error; readonly effect: FaultEffect }[] = [];
  const late: (() => Promise<unknown>)[] = [];
  return {
    failNext: (method, error, effect = 'none') => {
      waiting.push({ method, error, effect });
    },
    forgetFaults: () => {
      waiting.length = 0;
    },
    arriveLate: async () => {
      for (const act of late.splice(0)) await act().catch(() => undefined);
    },
    run: async (method, act) => {
      const index = waiting.findIndex((fault) => fault.method === method);
      const [fault] = index < 0 ? [] : waiting.splice(index, 1);
      if (fault === undefined) return act();
      if (fault.effect === 'done') await act();
      if (fault.effect === 'late') late.push(act);
      throw fault.error;
    },
  };
}
