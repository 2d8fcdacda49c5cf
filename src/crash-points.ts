/**
 * Crash testing. With SNAPCOMMIT_CRASH_AT=POINT the process SIGKILLs itself at that point, with SNAPCOMMIT_STOP_AT=POINT
 * it stops itself (SIGSTOP) there, so that a test can act around it. `POINT#3` means the third time that it is passed.
 * SNAPCOMMIT_CRASH_TRACE=FILE appends a line `POINT#COUNT` for each that is passed. Unset, a point costs one comparison.
 *
 * The points sit at every effect boundary: before and after each log append, driver call, rename and sync.
 */

export type CrashPhase = 'log' | 'begin' | 'cut' | 'commit' | 'publish' | 'transact' | 'prune' | 'recover' | 'cluster';

/** Every point, with the phase that it belongs to, in the order in which a run meets them. */
export const CRASH_POINTS = {
  // the log's store
  'log.before-sync': 'log',
  'log.after-sync': 'log',
  'log.before-checkpoint': 'log',
  'log.after-checkpoint': 'log',
  // begin
  'begin.before': 'begin',
  'begin.after': 'begin',
  // the cut
  'hooks.before-intent': 'cut',
  'hooks.after-intent': 'cut',
  'hooks.after-pre': 'cut',
  'stamp.before': 'cut',
  'stamp.after': 'cut',
  'freeze.before-intent': 'cut',
  'freeze.after-intent': 'cut',
  'freeze.before-first-cgroup': 'cut',
  'freeze.after-first-cgroup': 'cut',
  'freeze.frozen': 'cut',
  'stage.before': 'cut',
  'stage.after-first': 'cut',
  'stage.after': 'cut',
  'thaw.thawed': 'cut',
  'thaw.after-intent-removal': 'cut',
  'hooks.before-post': 'cut',
  'hooks.after-post': 'cut',
  // transact and restore, before the decision
  'clone.before': 'transact',
  'tree.base-taken': 'transact',
  'tree.made': 'transact',
  'clone.after-first': 'transact',
  'clone.after': 'transact',
  'command.before': 'transact',
  'command.after': 'transact',
  'seal.before': 'transact',
  'stand-ins.made': 'transact',
  'seal.after-first': 'transact',
  'seal.after': 'transact',
  'read-only.before': 'transact',
  'read-only.after-first': 'transact',
  'read-only.after': 'transact',
  'swap.checked': 'transact',
  // the decision
  'commit.before': 'commit',
  'commit.after': 'commit',
  'abort.before': 'commit',
  'abort.after': 'commit',
  // publishing
  'publish.fence-checked': 'publish',
  'stand-ins.led-aside': 'publish',
  'exchange.promoted': 'publish',
  'exchange.before': 'publish',
  'exchange.after-base': 'publish',
  'exchange.after-exchange': 'publish',
  'exchange.after-first-sync': 'publish',
  'exchange.after-mount-beneath': 'publish',
  'exchange.after-move': 'publish',
  'exchange.settling': 'publish',
  'stand-ins.led-back': 'publish',
  'exchange.after': 'publish',
  'publish.before-replaced': 'publish',
  'publish.before-rename': 'publish',
  'publish.after-rename': 'publish',
  'publish.before-sync': 'publish',
  'publish.after-sync': 'publish',
  'view.before': 'publish',
  'view.directory-made': 'publish',
  'view.before-flip': 'publish',
  'view.after-flip': 'publish',
  'view.after-sync': 'publish',
  'published.before': 'publish',
  'published.after': 'publish',
  // discarding and pruning
  'retire.before': 'prune',
  'retire.after': 'prune',
  'trash.before-rename': 'prune',
  'trash.after-rename': 'prune',
  'remove.before': 'prune',
  'remove.after-first': 'prune',
  'remove.after': 'prune',
  // recovery
  'recover.planned': 'recover',
  'recover.before-take-over': 'recover',
  'recover.after-take-over': 'recover',
  'recover.before-writable': 'recover',
  'recover.after-writable': 'recover',
  'recover.before-owed': 'recover',
  'recover.after-owed': 'recover',
  'recover.sweeping': 'recover',
  // an embedded log becomes a cluster's first member
  'cluster.before-credentials': 'cluster',
  'cluster.after-credentials': 'cluster',
  'cluster.before-mark': 'cluster',
  'cluster.after-mark': 'cluster',
  // a node joins
  'cluster.after-grant': 'cluster',
  'cluster.before-store': 'cluster',
  'cluster.after-store': 'cluster',
  // disaster recovery
  'cluster.before-recovery': 'cluster',
  'cluster.after-recovery': 'cluster',
} as const satisfies Record<string, CrashPhase>;

export type CrashPoint = keyof typeof CRASH_POINTS;

const crashAt = process.env['SNAPCOMMIT_CRASH_AT'];
const stopAt = process.env['SNAPCOMMIT_STOP_AT'];
const traceFile = process.env['SNAPCOMMIT_CRASH_TRACE'];
const armed = crashAt !== undefined || stopAt !== undefined || traceFile !== undefined;
const passed = new Map<CrashPoint, number>();

/** Marks an effect boundary. */
export function crashPoint(point: CrashPoint): void {
  if (armed) hit(point);
}

function hit(point: CrashPoint): void {
  const count = (passed.get(point) ?? 0) + 1;
  passed.set(point, count);
  if (traceFile !== undefined) {
    process.getBuiltinModule('node:fs').appendFileSync(traceFile, `${point}#${String(count)}\n`);
  }
  if (matches(crashAt, point, count)) process.kill(process.pid, 'SIGKILL');
  if (matches(stopAt, point, count)) process.kill(process.pid, 'SIGSTOP');
}

function matches(wanted: string | undefined, point: CrashPoint, count: number): boolean {
  if (wanted === undefined) return false;
  const [name, nth] = wanted.split('#');
  return name === point && (nth === undefined || Number(nth) === count);
}
