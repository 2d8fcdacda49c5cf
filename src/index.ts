/**
 * The library. `openNode` gives one node's whole ability; the CLI uses nothing else.
 *
 *     const node = await openNode({ stateDirectory: '/var/lib/snapcommit' });
 *     const generation = await node.commit({ group: 'app', … }, false);
 */
export { SnapcommitError, type ErrorCode, type Details } from './errors.js';
export { openNode, initNode, rebuildNode, doctor, thaw, type NodeOptions } from './daemon/compose.js';
export { CGROUP_LAW, isUnitName, parseCgroupTarget, parseUnitTarget, UNIT_LAW } from './machine/freeze-targets.js';
export { isName } from './machine/names.js';
export { GRADES, type Grade, type GroupRecord, type DriverName } from './machine/entry.js';
export type { Progress } from './participant/context.js';
export type {
  AddVolumeRequest,
  AddVolumeTreeRequest,
  GenerationName,
  MoveVolumeRequest,
  SnapcommitNode,
} from './daemon/node.js';
export type * from './daemon/reports.js';
export type { RebuildRequest } from './daemon/rebuild/index.js';
export type { Thawed } from './ports/writers.js';
export type { CommitRequest, RestoreRequest, TransactRequest } from './coordinator/requests.js';
export type { ExecRequest } from './coordinator/exec.js';
export type { OpenRequest } from './coordinator/open.js';
export type { PruneRequest, Pruned } from './coordinator/prune.js';
export type { RecoveryAction } from './coordinator/recovery.js';
export {
  initCluster,
  installUnits,
  joinCluster,
  openCluster,
  recoverCluster,
  recoveryPreview,
  runDaemon,
} from './daemon/doors.js';
export type * from './daemon/cluster/admin.js';
export type { ClusterClient, ClusterOptions } from './daemon/cluster/client.js';
export type { FoundedReport, FoundingOptions } from './daemon/cluster/found.js';
export type { JoinedReport, JoinOptions } from './daemon/cluster/join.js';
export type { RecoveredClusterReport, RecoveryPreview } from './daemon/cluster/recover.js';
export type { DaemonOptions, DaemonReport } from './daemon/run.js';
export type { InstallUnitsRequest, UnitReport, UnitsReport } from './daemon/units/reports.js';
