/** What callers ask of the coordinator: parsed and checked input, as types. */
import type { Grade } from '../machine/entry.js';

export interface CommitRequest {
  readonly group: string;
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
  /** null: what the group requires. */
  readonly require: Grade | null;
  readonly expectGeneration: number | null;
  readonly requestId: string | null;
  /** Aborts cleanly up to the moment in which the commit is proposed. Its reason is a SnapcommitError. */
  readonly signal: AbortSignal;
}

export interface TransactRequest extends CommitRequest {
  readonly command: readonly string[];
  readonly mount: boolean;
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdout: 'inherit' | 'stderr';
}

export interface RestoreRequest extends CommitRequest {
  readonly sourceGeneration: number;
}
