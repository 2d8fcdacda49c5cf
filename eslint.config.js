// The lint rules. A rule that is relaxed has its reason beside it; eslint-disable in a file needs one after "--"
// (scripts/check.mjs looks for it).
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Packages that one room of src owns: everybody else goes through that room. */
const OWNED_PACKAGES = [
  { name: 'koffi', owner: 'src/native/library.ts', message: 'Foreign calls are declared in src/native.' },
  { name: 'execa', owner: 'src/adapters/command-runner/**', message: 'Run commands through the CommandRunner port.' },
  { name: 'commander', owner: 'src/cli/**', message: 'Only src/cli knows the command line.' },
  {
    name: 'better-sqlite3',
    owner: 'src/adapters/store-sqlite/sqlite.ts',
    message:
      'Storage goes through the LogStore port, and SQLite comes from sqlite.ts, which knows what this Node can carry.',
  },
  { name: 'prom-client', owner: 'src/daemon/metrics.ts', message: 'Metrics are named in one file.' },
  { name: '@peculiar/x509', owner: 'src/adapters/certificates/**', message: 'Certificates are made in one adapter.' },
];

/** Bans the packages in `names`; the last matching block decides, so each owner's block lists all the others. */
const banned = (packages) => ({
  'no-restricted-imports': ['error', { paths: packages.map(({ name, message }) => ({ name, message })) }],
});

const PURE =
  'Pure folders have no clock, randomness, timer, promise or I/O: two nodes that apply the same input must agree.';
const PURE_GLOBALS = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process',
  'Intl',
  'Promise',
  'console',
  'fetch',
  'crypto',
  'globalThis',
];
const LOCALE_METHODS = [
  'localeCompare',
  'toLocaleString',
  'toLocaleLowerCase',
  'toLocaleUpperCase',
  'toLocaleDateString',
];

/** For TypeScript and JavaScript alike: what the compiler does not see. */
const CORE_RULES = {
  eqeqeq: 'error',
  'no-control-regex': 'error',
  'no-empty': 'error',
  'no-fallthrough': 'error',
  'no-irregular-whitespace': 'error',
  'no-loss-of-precision': 'error',
  'no-misleading-character-class': 'error',
  'no-self-assign': 'error',
  'no-self-compare': 'error',
  'no-sparse-arrays': 'error',
  'no-template-curly-in-string': 'error',
  'no-unsafe-finally': 'error',
  'no-useless-escape': 'error',
  'object-shorthand': 'error',
  'use-isnan': 'error',
  'valid-typeof': 'error',
};

const RULES_FOR_ALL_TYPESCRIPT = {
  ...CORE_RULES,
  // A switch over a union names every member, so that a new one is a compile-time question, not a silent default.
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: false }],
  // Numbers sort as text without a comparator; strings by code unit is what we want.
  '@typescript-eslint/require-array-sort-compare': ['error', { ignoreStringArrays: true }],
  '@typescript-eslint/consistent-type-exports': 'error',
  '@typescript-eslint/prefer-readonly': 'error',
  // Relaxed: a port's method that has nothing to await here must still be async, to reject instead of throwing.
  '@typescript-eslint/require-await': 'off',
  // Relaxed for records (process.env['NAME']): brackets say that the key may be absent.
  '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
  // Relaxed for functions that return nothing: `return refuse(...)` is a guard clause in one line.
  '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreVoidReturningFunctions: true }],
  // Relaxed: `while (true)` with a return inside is the plainest form of a retry loop.
  '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'only-allowed-literals' }],
};

const NODE_GLOBALS = Object.fromEntries(
  [
    ...['process', 'console', 'Buffer', 'URL', 'performance', 'structuredClone', 'AbortController', 'AbortSignal'],
    ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'queueMicrotask'],
    ...['SharedArrayBuffer', 'Atomics', 'TextEncoder', 'TextDecoder'],
  ].map((name) => [name, 'readonly']),
);

const PLAIN_RULES = {
  ...CORE_RULES,
  'constructor-super': 'error',
  'max-lines': ['error', { max: 300 }],
  'no-const-assign': 'error',
  'no-dupe-keys': 'error',
  'no-redeclare': 'error',
  'no-undef': 'error',
  'no-unreachable': 'error',
  'no-unused-vars': 'error',
  'no-var': 'error',
  'prefer-const': 'error',
};

export default defineConfig(
  globalIgnores(['dist/', 'build/', '.tap/', 'node_modules/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error', reportUnusedInlineConfigs: 'error' } },

  // TypeScript: src and test
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: RULES_FOR_ALL_TYPESCRIPT,
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      // Small files and functions that fit a screen (STYLE): a longer one is two things.
      'max-lines': ['error', { max: 300 }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      // stdout belongs to the command's answer, and logs have their own way out.
      'no-console': 'error',
      ...banned(OWNED_PACKAGES),
    },
  },
  ...OWNED_PACKAGES.map((owned) => ({
    files: [owned.owner],
    rules: banned(OWNED_PACKAGES.filter((other) => other !== owned)),
  })),

  // The pure folders
  {
    files: ['src/paxos/**/*.ts', 'src/machine/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...PURE_GLOBALS.map((name) => ({ name, message: PURE }))],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: PURE },
        ...LOCALE_METHODS.map((property) => ({
          property,
          message: 'Order strings by code unit: a locale differs by node.',
        })),
      ],
      'no-restricted-syntax': [
        'error',
        { selector: ':function[async=true], AwaitExpression', message: PURE },
        { selector: 'ImportExpression', message: PURE },
      ],
    },
  },

  {
    files: ['test/**/*.ts'],
    rules: {
      // Relaxed: tests take fixtures apart (`const { driver, place } = …`); a lost `this` fails there at once.
      '@typescript-eslint/unbound-method': 'off',
      // Relaxed for tap's own `t.test(...)` alone: tap keeps and awaits its subtests itself.
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: '@tapjs/test', name: 'test' }] },
      ],
    },
  },

  // Plain JavaScript: scripts and the tools' settings are ES modules, bin is CommonJS (it loads in half the time)
  {
    files: ['scripts/**/*.mjs', '*.{js,mjs}', '.*.mjs'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: NODE_GLOBALS },
    rules: PLAIN_RULES,
  },
  {
    files: ['bin/**/*.js'],
    languageOptions: {
      ecmaVersion: 2024,
      sourceType: 'commonjs',
      globals: { ...NODE_GLOBALS, __dirname: 'readonly' },
    },
    rules: PLAIN_RULES,
  },
);
