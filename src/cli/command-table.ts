/**
 * Every command: its place in the program's help, what its help says besides its options, and the module that is
 * loaded when it is asked for. Nothing of a command is loaded to print this table.
 */
import { CLUSTER_COMMANDS } from './cluster-table.js';
import { CHANGE, type CommandEntry, type Operand } from './command-entry.js';
import type { ExitStatus } from './exit-status.js';

const GROUP: Operand = { name: '<GROUP>', description: 'a consistency group' };
const GENERATION: Operand = { name: '<GROUP@GEN>', description: 'a generation, such as app@12' };
const GROUP_OR_GENERATION: Operand = {
  name: '<GROUP[@GEN]>',
  description: 'a group (its newest generation), or one generation',
};
const VOLUME: Operand = { name: '<NAME>', description: 'the volume' };
const GROUP_NAME: Operand = { name: '<NAME>', description: 'the group' };
const TRANSACTION: Operand = { name: '<ID>', description: 'a transaction, as `transaction list` shows it' };

const READ: readonly ExitStatus[] = [0, 1, 2, 3, 4, 5, 6, 8, 130, 143];
const VERIFY: readonly ExitStatus[] = [0, 1, 2, 3, 4, 5, 6, 8, 10, 130, 143];
const LOCAL: readonly ExitStatus[] = [0, 1, 2];
const INSTALL: readonly ExitStatus[] = [0, 1, 2, 3, 4, 6, 8, 130, 143];
const COMMIT: readonly ExitStatus[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130, 143];

/** In the order of the program's help. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  init: {
    summary: 'make a state directory with a new log, or build a lost log anew',
    operands: [],
    statuses: CHANGE,
    examples: [
      'snapcommit init',
      'snapcommit init --state-dir ~/.local/state/snapcommit --node laptop',
      'snapcommit init --from-volumes /srv/.snapcommit/db /srv/.snapcommit/wal',
      'snapcommit init --from-volumes /srv/.snapcommit/db /srv/.snapcommit/wal --accept-loss',
    ],
    load: async () => (await import('./commands/init.js')).init,
  },
  'volume add': {
    summary: 'put a subvolume, a dataset or a directory under management',
    operands: [{ name: '<NAME>', description: 'how the volume shall be called' }],
    statuses: CHANGE,
    examples: ['snapcommit volume add db --source /srv/db', 'snapcommit volume add app --source tank/app --recursive'],
    load: async () => (await import('./commands/volume-add.js')).volumeAdd,
  },
  'volume list': {
    summary: 'list the volumes',
    operands: [],
    statuses: READ,
    examples: ['snapcommit volume list'],
    load: async () => (await import('./commands/volume-list.js')).volumeList,
  },
  'volume show': {
    summary: 'show one volume',
    operands: [VOLUME],
    statuses: READ,
    examples: ['snapcommit volume show db'],
    load: async () => (await import('./commands/volume-show.js')).volumeShow,
  },
  'volume move': {
    summary: 'let a volume follow its disk to this node, or to another place on it',
    operands: [VOLUME],
    statuses: CHANGE,
    examples: ['snapcommit volume move db', 'snapcommit volume move db --source /mnt/db'],
    load: async () => (await import('./commands/volume-move.js')).volumeMove,
  },
  'volume remove': {
    summary: 'take a volume that no group uses out of management',
    operands: [VOLUME],
    statuses: CHANGE,
    examples: ['snapcommit volume remove db'],
    load: async () => (await import('./commands/volume-remove.js')).volumeRemove,
  },
  'volume forfeit': {
    summary: 'give a lost volume up for good, so that its groups are usable again',
    operands: [VOLUME],
    statuses: CHANGE,
    examples: ['snapcommit volume forfeit db'],
    load: async () => (await import('./commands/volume-forfeit.js')).volumeForfeit,
  },
  'group create': {
    summary: 'name a set of volumes that is committed as one',
    operands: [{ name: '<NAME>', description: 'how the group shall be called' }],
    statuses: CHANGE,
    examples: ['snapcommit group create app --volume db wal blobs --freeze-unit app.service --require barrier'],
    load: async () => (await import('./commands/group-create.js')).groupCreate,
  },
  'group list': {
    summary: 'list the groups',
    operands: [],
    statuses: READ,
    examples: ['snapcommit group list'],
    load: async () => (await import('./commands/group-list.js')).groupList,
  },
  'group show': {
    summary: 'show one group',
    operands: [GROUP_NAME],
    statuses: READ,
    examples: ['snapcommit group show app'],
    load: async () => (await import('./commands/group-show.js')).groupShow,
  },
  'group update': {
    summary: 'change what is given, and leave the rest',
    operands: [GROUP_NAME],
    statuses: CHANGE,
    examples: ['snapcommit group update app --stall-limit 2s', "snapcommit group update app --pre-hook ''"],
    load: async () => (await import('./commands/group-update.js')).groupUpdate,
  },
  'group remove': {
    summary: 'remove a group',
    operands: [GROUP_NAME],
    statuses: CHANGE,
    examples: ['snapcommit group remove app'],
    load: async () => (await import('./commands/group-remove.js')).groupRemove,
  },
  commit: {
    summary: 'commit a new generation of all volumes of a group',
    operands: [GROUP],
    endsItself: true,
    statuses: COMMIT,
    examples: [
      'snapcommit commit app --require barrier --message "before the upgrade"',
      'snapcommit commit app --if-older-than 30m --wait',
    ],
    load: async () => (await import('./commands/commit.js')).commit,
  },
  transact: {
    summary: 'run a command on clones of the volumes, and swap them in if it succeeds',
    operands: [GROUP],
    takesCommand: true,
    endsItself: true,
    statuses: COMMIT,
    examples: ['snapcommit transact app -- /usr/local/bin/migrate-schema'],
    load: async () => (await import('./commands/transact.js')).transact,
  },
  restore: {
    summary: 'make an earlier generation the live one, as a new generation',
    operands: [GENERATION],
    endsItself: true,
    statuses: COMMIT,
    examples: ['snapcommit restore app@9'],
    load: async () => (await import('./commands/restore.js')).restore,
  },
  diff: {
    summary: 'list the files that differ between two generations',
    operands: [
      { name: '<GROUP@A>', description: 'the earlier generation' },
      { name: '<GROUP@B>', description: 'the later generation' },
    ],
    statuses: COMMIT,
    examples: ['snapcommit diff app@11 app@12'],
    load: async () => (await import('./commands/diff.js')).diff,
  },
  verify: {
    summary: 'check that every snapshot exists, is the committed one, and is read-only',
    operands: [{ name: '[GROUP[@GEN]]', description: 'a group or one generation; left out: everything' }],
    statuses: VERIFY,
    examples: ['snapcommit verify', 'snapcommit verify app@12'],
    load: async () => (await import('./commands/verify.js')).verify,
  },
  list: {
    summary: 'list the generations of a group',
    operands: [GROUP],
    statuses: READ,
    examples: ['snapcommit list app'],
    load: async () => (await import('./commands/list.js')).list,
  },
  show: {
    summary: 'show one generation',
    operands: [GENERATION],
    statuses: READ,
    examples: ['snapcommit show app@12'],
    load: async () => (await import('./commands/show.js')).show,
  },
  open: {
    summary: 'print the paths of one generation',
    operands: [GROUP_OR_GENERATION],
    statuses: COMMIT,
    examples: ['snapcommit open app', 'snapcommit open app@12 --hold backup --json'],
    load: async () => (await import('./commands/open.js')).open,
  },
  exec: {
    summary: 'run a command with one generation standing at the live paths',
    operands: [GROUP_OR_GENERATION],
    takesCommand: true,
    endsItself: true,
    statuses: COMMIT,
    examples: ['snapcommit exec app -- tar -cf /backup/app.tar /srv/db /srv/wal'],
    load: async () => (await import('./commands/exec.js')).exec,
  },
  'hold add': {
    summary: 'keep a generation from being pruned',
    operands: [GENERATION],
    statuses: CHANGE,
    examples: ['snapcommit hold add app@12 --tag audit'],
    load: async () => (await import('./commands/hold-add.js')).holdAdd,
  },
  'hold release': {
    summary: 'let a held generation be pruned again',
    operands: [GENERATION],
    statuses: CHANGE,
    examples: ['snapcommit hold release app@12 --tag audit'],
    load: async () => (await import('./commands/hold-release.js')).holdRelease,
  },
  'hold list': {
    summary: 'list the holds of a group or of one generation',
    operands: [{ name: '<GROUP[@GEN]>', description: 'a group, or one generation' }],
    statuses: READ,
    examples: ['snapcommit hold list app'],
    load: async () => (await import('./commands/hold-list.js')).holdList,
  },
  prune: {
    summary: 'remove the generations that no rule keeps, as a whole',
    operands: [GROUP],
    statuses: CHANGE,
    examples: ['snapcommit prune app --keep-last 3 --keep-daily 7 --keep-weekly 4 --dry-run'],
    load: async () => (await import('./commands/prune.js')).prune,
  },
  recover: {
    summary: 'finish what is decided, abort what is not, thaw and sweep',
    operands: [],
    statuses: COMMIT,
    examples: ['snapcommit recover --dry-run', 'snapcommit recover'],
    load: async () => (await import('./commands/recover.js')).recover,
  },
  thaw: {
    summary: 'thaw the cgroups that snapcommit froze: all, or what a dead commit left',
    operands: [],
    statuses: READ,
    examples: ['snapcommit thaw --all', 'snapcommit thaw --abandoned'],
    load: async () => (await import('./commands/thaw.js')).thaw,
  },
  status: {
    summary: 'show the groups, and what is open, pending or frozen',
    operands: [],
    statuses: READ,
    examples: ['snapcommit status'],
    load: async () => (await import('./commands/status.js')).status,
  },
  doctor: {
    summary: 'check what this machine has and lacks, and how to get it',
    operands: [],
    statuses: READ,
    examples: ['snapcommit doctor'],
    load: async () => (await import('./commands/doctor.js')).doctor,
  },
  'install-units': {
    summary: "put systemd's units for boot, daemon and timers into place, or take them away",
    operands: [],
    statuses: INSTALL,
    examples: [
      'snapcommit install-units --dry-run',
      'snapcommit install-units --enable && systemctl enable --now snapcommit-commit@app.timer',
      'snapcommit install-units --remove',
    ],
    load: async () => (await import('./commands/install-units.js')).installUnits,
  },
  'transaction list': {
    summary: 'list the open and the newest decided transactions',
    operands: [],
    statuses: READ,
    examples: ['snapcommit transaction list'],
    load: async () => (await import('./commands/transaction-list.js')).transactionList,
  },
  'transaction show': {
    summary: 'show one transaction, and what became of it',
    operands: [TRANSACTION],
    statuses: READ,
    examples: ['snapcommit transaction show 01kk2x5m0v3q8r9t6w4y7z1abc'],
    load: async () => (await import('./commands/transaction-show.js')).transactionShow,
  },
  'transaction abort': {
    summary: 'abort an open transaction',
    operands: [TRANSACTION],
    statuses: CHANGE,
    examples: ['snapcommit transaction abort 01kk2x5m0v3q8r9t6w4y7z1abc'],
    load: async () => (await import('./commands/transaction-abort.js')).transactionAbort,
  },
  'log export': {
    summary: 'print the whole log state as a JSON document, to keep elsewhere',
    operands: [],
    statuses: READ,
    examples: ['snapcommit log export > snapcommit-log.json'],
    load: async () => (await import('./commands/log-export.js')).logExport,
  },
  ...CLUSTER_COMMANDS,
  'debug crash-points': {
    summary: 'list the points for SNAPCOMMIT_CRASH_AT',
    operands: [],
    statuses: LOCAL,
    examples: ['snapcommit debug crash-points --json', 'SNAPCOMMIT_CRASH_AT=commit.after snapcommit commit app'],
    load: async () => (await import('./commands/debug-crash-points.js')).debugCrashPoints,
  },
};
