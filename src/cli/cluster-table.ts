/** The daemon and the cluster's commands, for the command table. */
import { CHANGE, type CommandEntry, type Operand } from './command-entry.js';
import type { ExitStatus } from './exit-status.js';

const NODE: Operand = { name: '<NODE>', description: 'a member, as `cluster members` shows it' };
const DAEMON: readonly ExitStatus[] = [0, 1, 2, 3, 4, 6, 8];

export const CLUSTER_COMMANDS: Readonly<Record<string, CommandEntry>> = {
  daemon: {
    summary: "run this machine's member of the cluster",
    operands: [],
    endsItself: true,
    statuses: DAEMON,
    examples: ['snapcommit daemon', 'systemctl start snapcommit'],
    load: async () => (await import('./commands/daemon.js')).daemon,
  },
  'cluster init': {
    summary: 'make this log the first member of a cluster, with all that it holds',
    operands: [],
    statuses: CHANGE,
    examples: ['snapcommit cluster init --address db1.example:7420'],
    load: async () => (await import('./commands/cluster-init.js')).clusterInit,
  },
  'cluster token': {
    summary: 'make a secret with which one node may join, once',
    operands: [],
    goesOnInDaemon: true,
    statuses: CHANGE,
    examples: [
      'snapcommit cluster token | ssh root@db2 snapcommit cluster join --token-file - --address db2.example:7420',
    ],
    load: async () => (await import('./commands/cluster-token.js')).clusterToken,
  },
  'cluster join': {
    summary: 'make this machine a member of a cluster, first as a learner',
    operands: [],
    statuses: CHANGE,
    examples: ['snapcommit cluster join --token-file /run/join-token --address db2.example:7420'],
    load: async () => (await import('./commands/cluster-join.js')).clusterJoin,
  },
  'cluster members': {
    summary: 'list who belongs to the cluster',
    operands: [],
    statuses: CHANGE,
    examples: ['snapcommit cluster members'],
    load: async () => (await import('./commands/cluster-members.js')).clusterMembers,
  },
  'cluster add': {
    summary: 'make a learner that has caught up a voter',
    operands: [NODE],
    goesOnInDaemon: true,
    statuses: CHANGE,
    examples: ['snapcommit cluster add db2'],
    load: async () => (await import('./commands/cluster-add.js')).clusterAdd,
  },
  'cluster remove': {
    summary: 'take a member out of the cluster for good',
    operands: [NODE],
    goesOnInDaemon: true,
    statuses: CHANGE,
    examples: ['snapcommit cluster remove db2', 'snapcommit cluster remove db2 --forfeit-volumes'],
    load: async () => (await import('./commands/cluster-remove.js')).clusterRemove,
  },
  'cluster drain': {
    summary: 'let nothing new begin on a node, so that it can be removed',
    operands: [NODE],
    statuses: CHANGE,
    examples: ['snapcommit cluster drain db2'],
    load: async () => (await import('./commands/cluster-drain.js')).clusterDrain,
  },
  'cluster undrain': {
    summary: "let a node's volumes take part again",
    operands: [NODE],
    statuses: CHANGE,
    examples: ['snapcommit cluster undrain db2'],
    load: async () => (await import('./commands/cluster-undrain.js')).clusterUndrain,
  },
  'cluster replace': {
    summary: "put a learner in a voter's place, in one change",
    operands: [
      { name: '<OLD>', description: 'the voter that leaves; it may be lost' },
      { name: '<NEW>', description: 'the learner that votes in its place' },
    ],
    goesOnInDaemon: true,
    statuses: CHANGE,
    examples: ['snapcommit cluster replace db2 db4'],
    load: async () => (await import('./commands/cluster-replace.js')).clusterReplace,
  },
  'cluster status': {
    summary: 'show who leads, how far each member is, and who cannot be reached',
    operands: [],
    statuses: CHANGE,
    examples: ['snapcommit cluster status', 'snapcommit cluster status --json'],
    load: async () => (await import('./commands/cluster-status.js')).clusterStatus,
  },
  'cluster renew': {
    summary: "renew the certificate of this machine's member now",
    operands: [],
    goesOnInDaemon: true,
    statuses: CHANGE,
    examples: ['snapcommit cluster renew'],
    load: async () => (await import('./commands/cluster-renew.js')).clusterRenew,
  },
  'cluster recover': {
    summary: 'go on alone when a majority is lost for good; can lose what was promised',
    operands: [],
    statuses: CHANGE,
    examples: ['snapcommit cluster recover', 'snapcommit cluster recover --unsafe-discard-others'],
    load: async () => (await import('./commands/cluster-recover.js')).clusterRecover,
  },
};
