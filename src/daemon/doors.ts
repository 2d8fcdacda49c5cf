/** The doors of the daemon, of the cluster and of its units: loaded when they are opened, so that no other command pays for them. */
import type { ClusterClient, ClusterOptions } from './cluster/client.js';
import type { FoundedReport, FoundingOptions } from './cluster/found.js';
import type { JoinedReport, JoinOptions } from './cluster/join.js';
import type { RecoveredClusterReport, RecoveryPreview } from './cluster/recover.js';
import type { DaemonOptions, DaemonReport } from './run.js';
import type { InstallUnitsRequest, UnitsReport } from './units/reports.js';

/** Runs this machine's member of the cluster. Resolves when it has stopped. */
export async function runDaemon(options: DaemonOptions): Promise<DaemonReport> {
  return (await import('./run.js')).runDaemon(options);
}

export async function openCluster(options: ClusterOptions): Promise<ClusterClient> {
  return (await import('./cluster/client.js')).openCluster(options);
}

export async function initCluster(options: FoundingOptions): Promise<FoundedReport> {
  return (await import('./cluster/found.js')).initCluster(options);
}

export async function joinCluster(options: JoinOptions): Promise<JoinedReport> {
  return (await import('./cluster/join.js')).joinCluster(options);
}

export async function recoveryPreview(stateDirectory: string): Promise<RecoveryPreview> {
  return (await import('./cluster/recover.js')).recoveryPreview(stateDirectory);
}

export async function recoverCluster(options: { readonly stateDirectory: string }): Promise<RecoveredClusterReport> {
  return (await import('./cluster/recover.js')).recoverCluster(options);
}

/** Puts systemd's units for snapcommit into place, or takes them away. */
export async function installUnits(request: InstallUnitsRequest): Promise<UnitsReport> {
  return (await import('./units/install.js')).installUnits(request);
}
