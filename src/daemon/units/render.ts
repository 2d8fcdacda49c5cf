/**
 * The units, as text. PURE. What each does stands in its comments, for whoever reads them with `systemctl cat`; how they
 * work together, in short:
 *
 * - snapcommit-recover.service runs once at boot, after the mounts and before whoever uses the volumes. In a cluster it waits
 *   for the daemon, which has caught up by the time that it is ready (daemon/readiness.ts).
 * - snapcommit-ready.target is reached when that has succeeded, for those who would rather not start than start too early.
 * - snapcommit.service is the daemon of a cluster's member.
 * - snapcommit-commit@GROUP.timer commits a group. A group's name is a valid instance name as it stands, so it is `%i`,
 *   and nothing is escaped.
 */
import type { Declared } from './declared.js';
import { marked } from './mark.js';
import { mountUnitsOnTheWay, quoteArgument, quotePath, quoteProgram, quoteUnit } from './quote.js';

export interface UnitFacts {
  /** What runs snapcommit: a program and its first arguments. */
  readonly program: readonly string[];
  readonly stateDirectory: string;
  readonly declared: Declared;
}

export interface Unit {
  readonly name: string;
  readonly content: string;
}

export const RECOVER_UNIT = 'snapcommit-recover.service';
export const DAEMON_UNIT = 'snapcommit.service';
const READY_TARGET = 'snapcommit-ready.target';
const COMMIT_UNIT = 'snapcommit-commit@.service';
const COMMIT_TIMER = 'snapcommit-commit@.timer';

/** In the order in which they are written; all that we ever wrote, so that they can be removed. */
export const UNIT_NAMES: readonly string[] = [RECOVER_UNIT, READY_TARGET, DAEMON_UNIT, COMMIT_UNIT, COMMIT_TIMER];

/** Those whose text depends on volumes and groups. */
export const ORDERED_UNITS: readonly string[] = [RECOVER_UNIT, DAEMON_UNIT];

export function renderUnits(facts: UnitFacts): readonly Unit[] {
  const bodies = [recoverUnit(facts), READY_TARGET_BODY, daemonUnit(facts), commitUnit(facts), COMMIT_TIMER_BODY];
  return UNIT_NAMES.map((name, index) => ({ name, content: marked(bodies[index] ?? '') }));
}

function recoverUnit(facts: UnitFacts): string {
  const run = runner(facts);
  const { users } = facts.declared;
  return `[Unit]
Description=Finish interrupted snapcommit transactions before the volumes are used
${needs(facts)}
After=${[...mounts(facts), DAEMON_UNIT].join(' ')}
# When this fails, whoever is named here starts all the same, and the unit shows as failed: a live tree whose swap is not
# finished is read-only until it is. Who must not start then says: Requires=${READY_TARGET} After=${READY_TARGET}
Before=${[READY_TARGET, ...users.map(quoteUnit)].join(' ')}
Wants=${READY_TARGET}

[Service]
Type=oneshot
# Once a boot: neither starting a user by hand nor a swap that starts one again runs this a second time.
RemainAfterExit=yes
# As long as it takes: ended early, it would let the volumes' users start before all is recovered. Nobody else waits for it, so
# that one can log in and see what keeps it. Programs that it runs have limits of their own.
TimeoutStartSec=infinity
# Needs no log, so it is done whatever is wrong with that.
ExecStartPre=-${run('thaw', '--abandoned')}
ExecStart=${run('recover', '--local-only')}
${SAFE_HARDENING}
[Install]
WantedBy=multi-user.target
`;
}

const READY_TARGET_BODY = `[Unit]
Description=The volumes of snapcommit are recovered
Requires=${RECOVER_UNIT}
After=${RECOVER_UNIT}
`;

function daemonUnit(facts: UnitFacts): string {
  const run = runner(facts);
  return `[Unit]
Description=This machine's member of the snapcommit cluster
Wants=network-online.target
${needs(facts)}
After=${['network-online.target', ...mounts(facts)].join(' ')}

[Service]
Type=notify
ExecStartPre=-${run('thaw', '--abandoned')}
ExecStart=${run('daemon')}
ExecReload=/bin/kill -HUP $MAINPID
${THAW_AT_THE_END}
ExecStopPost=-${run('thaw', '--abandoned')}
# Ready when it has published what was decided while it was down, or after a minute in which it could not.
TimeoutStartSec=3min
WatchdogSec=30
Restart=on-failure
RestartSec=5
# Bad input, no log, denied: trying again changes nothing.
RestartPreventExitStatus=2 3 8
# Of a hook that runs out of memory, not of the daemon.
OOMPolicy=continue
${SAFE_HARDENING}
[Install]
WantedBy=multi-user.target
`;
}

function commitUnit(facts: UnitFacts): string {
  const run = runner(facts);
  const commit = run('--quiet', 'commit', SPECIFIER, '--wait', '--if-older-than', '10m', '--message', 'by its timer');
  return `[Unit]
Description=Commit the volumes of group %i
${needs(facts)}
After=${RECOVER_UNIT} ${DAEMON_UNIT}
StartLimitIntervalSec=10min
StartLimitBurst=3

[Service]
Type=oneshot
# A commit that was killed keeps its group busy until this has ended it.
ExecStartPre=-${run('--quiet', 'recover', '--local-only')}
# A second try, and the same timer on another node of a cluster, find what the first one has committed.
ExecStart=${commit}
${THAW_AT_THE_END}
ExecStopPost=-${run('thaw', '--abandoned')}
# It waits for whoever has the group. What takes longer is ended cleanly (143) and shows as failed instead of staying unseen: a
# swap that another node has still to publish, say. Raise it where copies of large directories take that long.
TimeoutStartSec=12h
Restart=on-failure
RestartSec=2min
RestartPreventExitStatus=2 3 8 143
${SAFE_HARDENING}`;
}

const COMMIT_TIMER_BODY = `[Unit]
Description=When the volumes of group %i are committed

[Timer]
OnCalendar=hourly
# Spreads machines over some minutes, each always at the same one.
RandomizedDelaySec=5min
FixedRandomDelay=yes
# What was missed while the machine was down is made up for once.
Persistent=yes

[Install]
WantedBy=timers.target
`;

/**
 * Nothing that gives a unit mounts of its own: a swap changes mounts for the whole machine. Nothing that closes devices or
 * the cgroup tree. Nothing that takes from hooks what they may need, such as sudo.
 */
const SAFE_HARDENING = `# No more than this: mounts of its own (ProtectSystem=, PrivateTmp=, ProtectKernelModules= and others) would hide from the
# machine what a swap mounts, ProtectControlGroups= keeps from freezing, ProtectClock= closes devices such as /dev/zfs,
# RestrictSUIDSGID= breaks copies of directories, and hooks may need privileges of their own (NoNewPrivileges=).
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
CapabilityBoundingSet=~CAP_SYS_BOOT CAP_SYS_TIME CAP_SYS_RAWIO CAP_SYSLOG CAP_WAKE_ALARM CAP_AUDIT_CONTROL CAP_AUDIT_READ
`;

const THAW_AT_THE_END = `# All of its processes get SIGTERM, so that a guard outlives its owner just long enough to thaw; and if both are gone:
KillMode=control-group`;

/** Not with the mounts of the volumes: without one lost disk the others are recovered all the same. */
function needs({ stateDirectory }: UnitFacts): string {
  return `RequiresMountsFor=${quotePath(stateDirectory)}`;
}

/** What is ordered before, where it exists; `nofail` mounts are not in local-fs.target. */
function mounts({ declared }: UnitFacts): readonly string[] {
  return ['local-fs.target', 'zfs-mount.service', ...mountUnitsOnTheWay(declared.paths).map(quoteUnit)];
}

/** Not to be quoted. */
const SPECIFIER = '%i';

function runner({ program }: UnitFacts): (...words: readonly string[]) => string {
  const first = program.map((word, index) => (index === 0 ? quoteProgram(word) : quoteArgument(word)));
  return (...words) => [...first, ...words.map((word) => (word === SPECIFIER ? word : quoteArgument(word)))].join(' ');
}
