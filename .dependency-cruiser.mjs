// The import law of src, with the reason for each rule. `npm run check` holds it.
//
// Read a rule as: files matching `from` may not import what matches `to`. Rooms are the folders below src.

/** A path below src, as a regular expression. */
const rooms = (...names) => `^src/(${names.join('|')})`;

/** What small, shared helpers of the participant anybody who touches a volume may use. */
const SHARED_HELPERS = 'participant/(names|process-identity)\\.ts$';

/** One room and all that it may import from src; the reason is what a person sees who breaks it. */
const room = (name, folder, allowed, reason) => ({
  name,
  severity: 'error',
  comment: reason,
  from: { path: rooms(folder) },
  to: { path: '^src/', pathNot: rooms(folder, ...allowed) },
});

/** One npm package that a single place of src may load. */
const owned = (packageName, owner, reason) => ({
  name: `${packageName}-has-one-owner`,
  severity: 'error',
  comment: reason,
  from: { path: '^src/', pathNot: owner },
  to: { path: `(^|/)node_modules/${packageName}/` },
});

const BASE = ['errors\\.ts$', 'crash-points\\.ts$'];

export default {
  forbidden: [
    // ---- the pure core
    room(
      'paxos-is-pure',
      'paxos/',
      ['errors\\.ts$'],
      'The consensus core is pure: it can be simulated and replayed only while nothing else is inside it.',
    ),
    room(
      'machine-is-pure',
      'machine/',
      ['errors\\.ts$'],
      'Reducers are pure: every node must reach the same state from the same entries.',
    ),
    {
      name: 'pure-folders-use-no-packages',
      severity: 'error',
      comment:
        'A clock, randomness or I/O would come in through a package or a Node module (machine/digest.ts may hash: that is deterministic).',
      from: { path: rooms('paxos/', 'machine/'), pathNot: rooms('machine/digest\\.ts$') },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'unknown'] },
    },
    {
      name: 'digest-only-hashes',
      severity: 'error',
      comment: 'machine/digest.ts has its exemption for SHA-256 alone.',
      from: { path: rooms('machine/digest\\.ts$') },
      to: { path: '.', pathNot: ['^(node:)?crypto$', rooms('machine/', 'errors\\.ts$')] },
    },

    // ---- the base
    {
      name: 'base-imports-nothing',
      severity: 'error',
      comment: 'Everybody imports errors and crash points, so they may not import anybody.',
      from: { path: rooms(...BASE) },
      to: { path: '.' },
    },
    room(
      'ports-know-the-core-only',
      'ports/',
      ['paxos/', 'machine/', 'errors\\.ts$'],
      'A port speaks in the words of the core, never in those of one adapter.',
    ),
    {
      name: 'ports-are-types',
      severity: 'error',
      comment: 'A port is a contract: whoever imports it must not load code.',
      from: { path: rooms('ports/') },
      to: { path: '.', dependencyTypesNot: ['type-only'] },
    },
    room(
      'wire-knows-nothing',
      'wire/',
      ['errors\\.ts$'],
      'Framing, plain CBOR and checks of shape serve the log, the network and the local socket alike: they know none of them.',
    ),
    room(
      'native-knows-errors-only',
      'native/',
      ['errors\\.ts$'],
      'System calls know nothing of snapshots; the meaning is given above them.',
    ),

    // ---- adapters
    room(
      'adapters-serve-ports',
      'adapters/',
      ['ports/', 'machine/', 'paxos/', 'native/', 'wire/', SHARED_HELPERS, ...BASE],
      'An adapter serves a port; who uses it, and how it is configured, is not its business.',
    ),
    {
      name: 'adapters-stay-apart',
      severity: 'error',
      comment:
        'Each adapter can be replaced or removed alone; what two of them need belongs into a port or into native.',
      from: { path: '^src/adapters/([^/]+)/.+' },
      to: { path: '^src/adapters/', pathNot: '^src/adapters/$1/' },
    },
    {
      name: 'single-file-adapters-stay-apart',
      severity: 'error',
      comment:
        'Each adapter can be replaced or removed alone; what two of them need belongs into a port or into native.',
      from: { path: '^src/adapters/[^/]+\\.ts$' },
      to: { path: '^src/adapters/' },
    },

    // ---- the middle
    room(
      'log-is-a-host',
      'log/',
      ['paxos/', 'machine/', 'ports/', 'wire/', ...BASE],
      'The host loop meets storage and peers through ports, so that one contract suite serves every engine.',
    ),
    room(
      'coordinator-decides',
      'coordinator/',
      ['machine/', 'ports/', 'participant/', ...BASE],
      'The commit path reads as one screen: it sees ports, never an adapter or the log behind one.',
    ),
    room(
      'participant-acts',
      'participant/',
      ['machine/', 'ports/', 'native/', ...BASE],
      'The participant is told what to do; it knows neither who decides nor which adapter serves it.',
    ),
    room(
      'config-stands-alone',
      'config/',
      ['machine/', 'errors\\.ts$'],
      'Settings are read before anything that they set up.',
    ),

    // ---- the edges
    {
      name: 'cli-sees-the-library',
      severity: 'error',
      comment:
        'The command line is one user of the library (or of the daemon): what it can do, an embedding program can.',
      from: { path: rooms('cli/') },
      to: { path: '^src/', pathNot: rooms('cli/', 'config/', 'index\\.ts$', 'daemon/client', ...BASE) },
    },
    {
      name: 'adapters-are-joined-in-one-place',
      severity: 'error',
      comment:
        'Only the composition root (and the library entry) chooses adapters; anybody else gets them through ports.',
      from: { path: '^src/', pathNot: rooms('adapters/', 'daemon/', 'index\\.ts$') },
      to: { path: rooms('adapters/') },
    },
    {
      name: 'cli-is-the-top',
      severity: 'error',
      comment: 'Nothing below may depend on the command line.',
      from: { path: '^src/', pathNot: rooms('cli/') },
      to: { path: rooms('cli/') },
    },

    // ---- packages with one owner
    owned('koffi', rooms('native/library\\.ts$'), 'Foreign calls are declared in native, over one library handle.'),
    owned(
      'execa',
      rooms('adapters/command-runner(/|\\.ts$)'),
      'Every command runs with the same fixed environment, time limit and log.',
    ),
    owned('prom-client', rooms('daemon/metrics\\.ts$'), 'What is counted, and under which name, is told once.'),
    owned('commander', rooms('cli/'), 'The parser of the command line stands only where the command line is.'),
    owned(
      'better-sqlite3',
      rooms('adapters/store-sqlite/sqlite\\.ts$'),
      'Durability is one adapter’s promise: nobody else opens a database; and one file knows which package this Node can carry.',
    ),
    {
      ...owned(
        'better-sqlite3-napi',
        rooms('adapters/store-sqlite/sqlite\\.ts$'),
        'As better-sqlite3, whose newer version it is.',
      ),
      // npm leaves it out on Node 20, which it does not run on: then it is only a name.
      to: { path: '(^|/)better-sqlite3-napi(/|$)' },
    },
    owned(
      '@peculiar/x509',
      rooms('adapters/certificates/'),
      'Who may join is decided where certificates are made and read; nobody else parses one.',
    ),

    // ---- everywhere
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'In a cycle nothing can be understood, tested or loaded alone.',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'src-knows-no-tests',
      severity: 'error',
      comment: 'What ships may not depend on what checks it.',
      from: { path: '^src/' },
      to: { path: '^(test|scripts|build)/' },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      comment: 'A file that nobody imports and that starts no process is left over.',
      from: { orphan: true, pathNot: [rooms('index\\.ts$'), '-main\\.ts$', '(^|/)tsconfig'] },
      to: {},
    },
    {
      name: 'imports-resolve',
      severity: 'error',
      comment: 'An import of something that is not there, or of a package that package.json does not name.',
      from: { path: '^src/' },
      to: {
        // Left out on Node 20, see above.
        pathNot: '^better-sqlite3-napi$',
        dependencyTypes: ['unknown', 'undetermined', 'npm-no-pkg', 'npm-dev'],
        dependencyTypesNot: ['type-only'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
    reporterOptions: { text: { highlightFocused: true } },
  },
};
