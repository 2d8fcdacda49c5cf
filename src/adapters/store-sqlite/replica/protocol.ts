/** What the main thread and the store's worker say to each other. */
import { InvariantError, SnapcommitError, type Details, type ErrorCode } from '../../../errors.js';
import type { ReplicaEngine } from './engine.js';
import type { PackedBatch } from './packing.js';

/** What is asked for by its name. Batches have a form of their own, since somebody waits for each of them. */
export type Operation = Exclude<keyof ReplicaEngine, 'foldWhenDue' | 'life' | 'persist'>;
export type Arguments<K extends Operation> = Parameters<ReplicaEngine[K]>;
export type Answer<K extends Operation> = ReturnType<ReplicaEngine[K]>;

export interface Request<K extends Operation = Operation> {
  readonly id: number;
  readonly operation: K;
  readonly args: Arguments<K>;
}

export type PersistRequest = readonly [
  id: number,
  /** How many refusals of batches the sender had heard of: one that was sent before the newest is refused as well. */
  refusalsKnown: number,
  batch: PackedBatch,
];

export type Response =
  /** A batch is durable; so many are now. */
  | readonly [id: number, batches: number]
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | {
      readonly id: number;
      readonly ok: false;
      readonly failure: Failure;
      /** How many batches were refused so far. */ readonly refusals: number;
    };

/** An error as it crosses the threads, where classes are lost. */
export type Failure =
  | {
      readonly kind: 'expected';
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: Details;
      readonly cause: string | null;
    }
  | { readonly kind: 'invariant'; readonly invariant: string; readonly message: string }
  | { readonly kind: 'other'; readonly message: string; readonly stack: string };

export function failureOf(error: unknown): Failure {
  if (error instanceof SnapcommitError) {
    const { code, message, details, cause } = error;
    return { kind: 'expected', code, message, details, cause: cause instanceof Error ? cause.message : null };
  }
  if (error instanceof InvariantError) return { kind: 'invariant', invariant: error.invariant, message: error.message };
  if (error instanceof Error) return { kind: 'other', message: error.message, stack: error.stack ?? '' };
  return { kind: 'other', message: String(error), stack: '' };
}

export function errorOf(failure: Failure): Error {
  switch (failure.kind) {
    case 'expected': {
      const { code, message, details, cause } = failure;
      return new SnapcommitError(code, message, details, cause === null ? undefined : new Error(cause));
    }
    case 'invariant':
      return new InvariantError(failure.invariant, failure.message.replace(/^invariant \S+ violated: /, ''));
    case 'other': {
      const error = new Error(failure.message);
      error.stack = failure.stack;
      return error;
    }
  }
}
