/** The words of recovery: what it does, step by step, and what it answers. */

export const RECOVERY_ACTIONS = [
  'thaw',
  'abort',
  'publish',
  'reopen',
  'remove',
  'pay',
  'end',
  'unpin',
  'report',
] as const;

export interface RecoveryAction {
  readonly action: (typeof RECOVERY_ACTIONS)[number];
  readonly target: string;
  readonly reason: string;
}

export interface Recovery {
  readonly actions: readonly RecoveryAction[];
  /** Steps that failed, with the reason; recovery went on with the rest. */
  readonly failures: readonly { readonly action: RecoveryAction; readonly reason: string }[];
}

/** One planned action and how to do it. */
export interface Step {
  readonly action: RecoveryAction;
  readonly act: () => Promise<void>;
}
