/** What is asked of `install-units`, and what it answers. Types only. */

export interface InstallUnitsRequest {
  readonly stateDirectory: string;
  /** What runs snapcommit: a program and its first arguments. */
  readonly program: readonly string[];
  /** The root directory whose systemd is meant; `/` is this machine. */
  readonly root: string;
  readonly enable: boolean;
  readonly remove: boolean;
  /** Also what somebody else has changed. */
  readonly overwrite: boolean;
  readonly dryRun: boolean;
}

export interface UnitReport {
  readonly unit: string;
  readonly path: string;
  /** What was done; with `dryRun`, what would be. `missing`: there was nothing to remove. */
  readonly action: 'written' | 'replaced' | 'unchanged' | 'removed' | 'missing';
  /** With `dryRun`: the whole text. */
  readonly content?: string;
}

export interface UnitsReport {
  readonly unitDirectory: string;
  readonly dryRun: boolean;
  readonly units: readonly UnitReport[];
  readonly enabled: readonly string[];
  /** Sentences. */
  readonly warnings: readonly string[];
}
