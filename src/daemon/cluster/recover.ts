/** `cluster recover`. */
export interface RecoveryPreview {
  readonly cluster: string;
  readonly node: string;
  /** What this member holds, and what of it it knows to be chosen. */
  readonly lastSlot: number;
  readonly decidedSlot: number;
  /** The other members, sorted. */
  readonly discarded: readonly string[];
}

export interface RecoveredClusterReport extends RecoveryPreview {
  /** The new one. */
  readonly incarnation: number;
}

export async function recoveryPreview(stateDirectory: string): Promise<RecoveryPreview> {
  return Promise.reject(new Error(stateDirectory));
}

export async function recoverCluster(options: { readonly stateDirectory: string }): Promise<RecoveredClusterReport> {
  return Promise.reject(new Error(options.stateDirectory));
}
