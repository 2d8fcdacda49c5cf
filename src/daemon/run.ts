/** placeholder */
import type { MemberSettings } from './settings.js';

export interface DaemonOptions {
  readonly stateDirectory: string;
  readonly settings?: Partial<MemberSettings>;
  readonly verbose: boolean;
  /** Aborted when the daemon shall stop. */
  readonly signal: AbortSignal;
}

export interface DaemonReport {
  readonly node: string;
  readonly stopped: string;
}

export async function runDaemon(options: DaemonOptions): Promise<DaemonReport> {
  return Promise.reject(new Error(options.stateDirectory));
}
