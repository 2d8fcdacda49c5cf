/** The words of recovery: what it does, step by step, and what it answers. Types only. */

export interface RecoveryAction {
  readonly action: 'thaw' | 'abort' | 'publish' | 'remove' | 'pay' | 'end' | 'unpin' | 'report';
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
