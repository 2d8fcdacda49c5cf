/** What a rebuilt log may claim, judged over made-up publish directories; test/scenarios/rebuild has real ones. */
import t from 'tap';
import { exportDocument, parseExport } from '#src/daemon/rebuild/export.js';
import type { FoundVolume, LogExport } from '#src/daemon/rebuild/found.js';
import { nextIncarnation } from '#src/daemon/incarnation.js';
import { judge } from '#src/daemon/rebuild/judge.js';
import { parseManifest } from '#src/daemon/rebuild/scan.js';
import { rebuildState, type Rebuilt } from '#src/daemon/rebuild/state.js';
import { decodeState, encodeState } from '#src/log/codec.js';
import { apply } from '#src/machine/apply.js';
import type { GroupRecord, Slot, TransactionId } from '#src/machine/entry.js';
import { emptyState, type GenerationRecord, type State } from '#src/machine/state.js';
import { violations } from '../machine/support/check.js';
import { groupRecord, processOn } from '../machine/support/parse.js';

const DEFINITION: GroupRecord = { ...groupRecord('app', ['db', 'wal']), preHooks: ['/hook'], require: 'barrier' };

function generation(number: number, incarnation = 1): GenerationRecord {
  const transaction = `tx${String(number)}` as TransactionId;
  const volumes = ['db', 'wal'].map((volume) => ({
    volume,
    node: 'host',
    driver: 'btrfs' as const,
    staged: staged(transaction),
    id: `${volume}-${String(number)}`,
    swap: null,
  }));
  return {
    group: 'app',
    generation: number,
    transaction,
    mode: 'capture',
    epoch: { incarnation, slot: (number * 10) as Slot },
    slot: (number * 10 + 1) as Slot,
    committedAt: number * 1000,
    message: '',
    labels: {},
    sourceGeneration: null,
    manifest: { consistency: { grade: 'barrier', stallMs: 1, skewMs: 1, frozen: [], hosts: [] }, volumes },
  };
}

function staged(transaction: string): string {
  return `.staged~c1~app~${transaction}~1.5~1`;
}

interface Holding {
  readonly published: readonly number[];
  readonly staged?: readonly number[];
  readonly unproven?: readonly string[];
  readonly manifests?: readonly GenerationRecord[];
  readonly names?: readonly string[];
  readonly slot?: number;
  readonly incarnation?: number;
}

/** A publish directory that holds these. */
function holding(name: string, { published, staged: waiting = [], ...rest }: Holding): FoundVolume {
  const listed = [
    ...published.map((n) => ({ name: `app@${String(n)}`, id: `${name}-${String(n)}`, readOnly: true })),
    ...waiting.map((n) => ({ name: staged(`tx${String(n)}`), id: `${name}-${String(n)}`, readOnly: true })),
    ...(rest.unproven ?? []).map((tx) => ({ name: staged(tx), id: `${name}-${tx}`, readOnly: true })),
    ...(rest.names ?? []).map((other) => ({ name: other, id: null, readOnly: false })),
  ];
  const records = rest.manifests ?? published.map((n) => generation(n));
  const publishDirectory = `/srv/.snapcommit/${name}`;
  const record = {
    name,
    node: 'host',
    driver: 'btrfs',
    source: `/srv/${name}`,
    publishDirectory,
    filesystem: 'f',
  } as const;
  return {
    record,
    stamp: { cluster: 'c1', incarnation: rest.incarnation ?? 1, slot: (rest.slot ?? 50) as Slot },
    manifests: records.map((one) => ({ cluster: 'c1', place: record, definition: DEFINITION, record: one })),
    damaged: [],
    listed,
  };
}

function rebuilt(
  volumes: readonly FoundVolume[],
  exported: LogExport | null = null,
): Rebuilt & { readonly newest: number } {
  const made = rebuildState(volumes, judge(volumes, exported), exported, 'host', 0);
  return { ...made, newest: made.state.groups['app']?.newest ?? -1 };
}

/** The number that the next commit gets. */
function nextNumber(state: State): number | null {
  const [transaction, epoch] = [
    'new' as TransactionId,
    { incarnation: state.incarnation, slot: (state.applied + 1) as Slot },
  ];
  const members = ['db', 'wal'].map((volume) => ({ volume, node: 'host', driver: 'btrfs' as const, base: null }));
  const coordinator = processOn('host');
  const common = { transaction, mode: 'capture', group: 'app', members, freezeTargets: [], coordinator } as const;
  const more = { deadline: 1, expectGeneration: null, sourceGeneration: null, message: '', labels: {} } as const;
  const begin = { type: 'begin', ...common, ...more } as const;
  const begun = apply(state, epoch.slot, { at: 1, request: null, append: null, operation: begin });
  const { manifest } = generation(1);
  const commit = { type: 'commit', transaction, epoch, manifest } as const;
  const slot = (epoch.slot + 1) as Slot;
  const { outcome } = apply(begun.state, slot, { at: 1, request: null, append: null, operation: commit });
  return outcome.ok ? outcome.generation : null;
}

t.test(
  'T17 an incarnation is above all that was seen, not below the time, and a number that can be kept',
  async (t) => {
    const now = 1_800_000_000_999;
    const first = nextIncarnation([1, 1_790_000_000], now, 'a');
    t.ok(first > now && Number.isSafeInteger(first));
    const second = nextIncarnation([first], now, 'a');
    t.ok(second > first, 'also at the same time again');
    t.ok(nextIncarnation([first], 0, 'b') > first, 'also by a clock that is behind');
    t.ok(nextIncarnation([first], now + 1, 'a') > first);
    t.equal(nextIncarnation([NaN, Number.MAX_SAFE_INTEGER, Infinity, -1, 4], 0, 'a'), nextIncarnation([4], 0, 'a'));
    t.ok(nextIncarnation([4], 0, 'a') > 4, 'whatever a damaged stamp says');
  },
);

t.test(
  'T17 two members that go on by themselves in one millisecond do not share an incarnation, whatever their clocks say',
  async (t) => {
    for (const now of [0, 1_800_000_000_000]) t.not(nextIncarnation([9], now, 'a'), nextIncarnation([9], now, 'b'));
  },
);

t.test('T17 M2 the new log is above everything that the lost one has left', async (t) => {
  const volumes = [
    holding('db', { published: [3, 4], slot: 44, incarnation: 2 }),
    holding('wal', { published: [3, 4], slot: 90, incarnation: 7 }),
  ];
  const { state, generations } = rebuilt(volumes);
  t.ok(state.incarnation > 7);
  t.ok(state.applied > 90);
  t.same(state.groups['app']?.live, [[3, 4]]);
  t.same(state.groups['app']?.record, DEFINITION);
  t.equal(generations.length, 2);
  t.equal(state.clock, 4000);
  t.same(violations(state), []);
  t.same(decodeState(encodeState(state)), state);
  t.equal(nextNumber(state), 5);
  const foreseen = rebuilt([
    holding('db', { published: [1], manifests: [generation(1, 9)] }),
    holding('wal', { published: [1], manifests: [generation(1, 9)] }),
  ]);
  t.ok(foreseen.state.incarnation > 9, 'also where only a manifest names the later incarnation');
});

t.test('G8 a generation is taken whole or not at all', async (t) => {
  const lost = rebuilt([holding('db', { published: [1, 2] }), holding('wal', { published: [2] })]);
  t.same(lost.state.groups['app']?.live, [[2, 2]], 'a snapshot is gone');
  const [first, second] = [generation(1), { ...generation(1), message: 'another' }];
  const torn = [
    holding('db', { published: [1], manifests: [first] }),
    holding('wal', { published: [1], manifests: [second] }),
  ];
  t.same(rebuilt(torn).state.groups['app']?.live, [], 'the manifests do not agree');
  const swapped = holding('wal', { published: [1] });
  const other = { ...swapped, listed: swapped.listed.map((entry) => ({ ...entry, id: 'other' })) };
  t.same(
    rebuilt([holding('db', { published: [1] }), other]).state.groups['app']?.live,
    [],
    'another snapshot stands there',
  );
  t.same(rebuilt([holding('db', { published: [1] })]).state.groups['app']?.live, [], 'a volume was not named');
  for (const { state } of [lost, rebuilt(torn)]) t.same(violations(state), []);
});

t.test('G8 what one manifest proves is committed, and waits to be published where it is not', async (t) => {
  const { state } = rebuilt([holding('db', { published: [1] }), holding('wal', { published: [], staged: [1] })]);
  t.same(state.groups['app']?.live, [[1, 1]]);
  t.match(state.pending, { 'app@1': { nodes: ['host'], record: { generation: 1 } } });
  t.same(violations(state), []);
});

t.test('M2 no number is used again that anything in a publish directory may have had', async (t) => {
  const whole = [1, 2];
  const volumes = (more: Partial<Holding>): readonly FoundVolume[] => [
    holding('db', { published: whole, ...more }),
    holding('wal', { published: whole }),
  ];
  t.equal(rebuilt(volumes({})).newest, 2);
  t.equal(rebuilt(volumes({ names: ['app@9'] })).newest, 9, 'a snapshot without a manifest');
  t.equal(rebuilt(volumes({ names: ['app@7.manifest.json'] })).newest, 7, 'a manifest that cannot be read');
  t.equal(rebuilt(volumes({ names: ['app@8.incomplete'] })).newest, 8, 'what an earlier rebuild put aside');
  t.equal(rebuilt(volumes({ unproven: ['x', 'y'] })).newest, 4, 'two that may have been committed');
  const orphan = judge([holding('db', { published: [], names: ['web@3'] })], null);
  t.same(
    rebuildState([], orphan, null, 'host', 0).state.retiredNewest,
    { web: 3 },
    'a group of which nothing else is left',
  );
});

t.test('T18 an append that the lost log may have carried out is not carried out by the new one', async (t) => {
  const { state } = rebuilt([holding('db', { published: [1] }), holding('wal', { published: [1] })]);
  const operation = { type: 'addHold', group: 'app', generation: 1, tag: 'keep' } as const;
  const append = { client: 'c', sequence: 1, since: 40 as Slot };
  const { outcome } = apply(state, (state.applied + 1) as Slot, { at: 1, request: null, append, operation });
  t.match(outcome, { ok: false, code: 'APPEND_EXPIRED' });
});

t.test('an export comes back as it was written, and only so', async (t) => {
  const { state, generations } = rebuilt([holding('db', { published: [1, 2] }), holding('wal', { published: [1, 2] })]);
  const exported: LogExport = { identity: { cluster: 'c1', node: 'host', incarnation: 2 }, state, generations };
  const json = JSON.stringify(exportDocument(exported), null, 2);
  t.same(parseExport(json, 'f'), exported);
  t.throws(() => parseExport(json.replace('"node": "host"', '"node": "hosts"'), 'f'), { code: 'LOG_CORRUPT' });
  const { digest, ...rest } = exportDocument({ ...exported, generations: [] });
  t.ok(digest);
  t.throws(() => parseExport(JSON.stringify(rest), 'f'), { code: 'LOG_CORRUPT' }, 'without its digest');
  t.throws(() => parseExport(JSON.stringify(exportDocument({ ...exported, generations: [] })), 'f'), {
    code: 'LOG_CORRUPT',
    message: /2 generations and 0 records/,
  });
  for (const text of ['', 'null', '[]', '{}', '{"format":"x"}'])
    t.throws(() => parseExport(text, 'f'), { code: 'USAGE' });
});

t.test('an export keeps holds and settings; what the disks say has come since comes with it', async (t) => {
  const before: State = {
    ...emptyState(4),
    ...rebuilt([holding('db', { published: [1, 2] }), holding('wal', { published: [1, 2] })]).state,
  };
  const kept = {
    ...before,
    incarnation: 4,
    applied: 400 as Slot,
    holds: { 'app@1': ['gone'], 'app@2': ['audit'] },
    retiredNewest: { old: 6, constructor: 2 },
  };
  const exported: LogExport = {
    identity: { cluster: 'c1', node: 'host', incarnation: 4 },
    state: kept,
    generations: [1, 2].map((n) => generation(n)),
  };
  const { state, newest } = rebuilt(
    [holding('db', { published: [2, 3] }), holding('wal', { published: [2, 3] })],
    exported,
  );
  t.match(state, { holds: { 'app@2': ['audit'] }, retiredNewest: { old: 6, constructor: 2 } });
  t.same(state.groups['app']?.live, [[2, 3]], 'the first was pruned since, the third committed');
  t.notOk('app@1' in state.holds);
  t.equal(newest, 3);
  t.ok(state.applied > 400);
  t.same(violations(state), []);
});

t.test('a manifest that is none is refused by name', async (t) => {
  const whole = { cluster: 'c1', place: null, definition: null, ...generation(1) };
  t.same(parseManifest(JSON.stringify(whole)).record, generation(1));
  for (const [wanted, value] of [
    [/generation.slot/, { ...whole, slot: -1 }],
    [/generation.extra/, { ...whole, extra: 1 }],
    [/cluster/, { ...whole, cluster: 7 }],
    [/definition/, { ...whole, definition: { name: 'app' } }],
    [/manifest is not an object/, []],
  ] as const) {
    t.throws(() => parseManifest(JSON.stringify(value)), wanted);
  }
});
