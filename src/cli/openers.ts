/** How a command gets at the library. It is imported when a command asks for it, not when help is read. */
import type {
  CheckReport,
  ClusterClient,
  ClusterOptions,
  DaemonOptions,
  DaemonReport,
  FoundedReport,
  FoundingOptions,
  InstallUnitsRequest,
  JoinedReport,
  JoinOptions,
  NodeOptions,
  RebuildReport,
  RebuildRequest,
  RecoveredClusterReport,
  RecoveryPreview,
  SnapcommitNode,
  Thawed,
  UnitsReport,
} from '../index.js';

export interface Openers {
  openNode(options: NodeOptions): Promise<SnapcommitNode>;
  initNode(options: {
    readonly stateDirectory: string;
    readonly node: string;
  }): Promise<{ readonly cluster: string; readonly node: string; readonly stateDirectory: string }>;
  rebuildNode(request: RebuildRequest): Promise<RebuildReport>;
  doctor(stateDirectory: string): Promise<readonly CheckReport[]>;
  thaw(stateDirectory: string, all: boolean): Promise<readonly Thawed[]>;
  /** Resolves when it has stopped. */
  runDaemon(options: DaemonOptions): Promise<DaemonReport>;
  openCluster(options: ClusterOptions): Promise<ClusterClient>;
  initCluster(options: FoundingOptions): Promise<FoundedReport>;
  joinCluster(options: JoinOptions): Promise<JoinedReport>;
  recoveryPreview(stateDirectory: string): Promise<RecoveryPreview>;
  recoverCluster(options: { readonly stateDirectory: string }): Promise<RecoveredClusterReport>;
  installUnits(request: InstallUnitsRequest): Promise<UnitsReport>;
}

export const libraryOpeners: Openers = {
  openNode: async (options) => (await import('../index.js')).openNode(options),
  initNode: async (options) => (await import('../index.js')).initNode(options),
  rebuildNode: async (request) => (await import('../index.js')).rebuildNode(request),
  doctor: async (stateDirectory) => (await import('../index.js')).doctor(stateDirectory),
  thaw: async (stateDirectory, all) => (await import('../index.js')).thaw(stateDirectory, all),
  runDaemon: async (options) => (await import('../index.js')).runDaemon(options),
  openCluster: async (options) => (await import('../index.js')).openCluster(options),
  initCluster: async (options) => (await import('../index.js')).initCluster(options),
  joinCluster: async (options) => (await import('../index.js')).joinCluster(options),
  recoveryPreview: async (stateDirectory) => (await import('../index.js')).recoveryPreview(stateDirectory),
  recoverCluster: async (options) => (await import('../index.js')).recoverCluster(options),
  installUnits: async (request) => (await import('../index.js')).installUnits(request),
};
