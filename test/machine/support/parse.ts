/**
 * The script language of the machine's tests: one operation a line, turned into an entry. Words are separated by
 * blanks; `key=value` words fill in what has a default otherwise.
 *
 *   addVolume NAME [node=a] [driver=btrfs] [source=/srv/NAME] [publish=/srv/.snapcommit/NAME]
 *   removeVolume NAME | forfeitVolume NAME | moveVolume NAME NODE [source=PATH] [publish=PATH] [filesystem=fs-NODE]
 *   createGroup NAME volumes=V,V [cgroups=[NODE:]PATH,…] [units=[NODE:]UNIT,…]
 *   updateGroup NAME … [replaces=V,V] | removeGroup NAME [generations=1,2]
 *   begin TX GROUP [mode=transact] [members=V@NODE,…] [freeze=NODE:/PATH,…] [expect=N] [source=N] [node=a]
 *   takeOver TX [node=b]
 *   commit TX [volumes=V,V] [epoch=SLOT] [incarnation=N] [staged=SUFFIX] | abort TX [epoch=SLOT] [code=C] [reason=R]
 *   published GROUP@N NODE [volumes=V,V] | retire GROUP N,N
 *   addHold GROUP@N TAG | releaseHold GROUP@N TAG | addPin PIN GROUP@N [node=a] | releasePin PIN
 *   addToken HASH expires=MS [for=NODE] | useToken HASH NODE [key=KEY] [address=HOST:PORT]
 *   putMember NODE [address=HOST:PORT] | removeMember NODE [forfeit=yes] | drainNode NODE | undrainNode NODE
 *
 * A token's HASH is written short, `a1` for `a1a1…`. Every line takes at=MS, request=ID:DIGEST and
 * append=CLIENT:SEQUENCE:SINCE.
 */
import type {
  DriverName,
  Entry,
  Epoch,
  GroupRecord,
  Manifest,
  Member,
  Operation,
  ProcessIdentity,
  Slot,
  TransactionId,
} from '#src/machine/entry.js';
import { ERROR_CODES } from '#src/errors.js';
import { parseGenerationKey, type GenerationKey } from '#src/machine/keys.js';
import type { State } from '#src/machine/state.js';
import { lookup } from '#src/machine/record.js';

/** What a script remembers of a transaction, so that `commit` can be said again after the decision. */
export interface Begun {
  readonly members: readonly Member[];
  readonly mode: string;
  readonly epoch: Epoch;
}

export interface ScriptContext {
  readonly state: State;
  readonly begun: ReadonlyMap<string, Begun>;
}

interface Line {
  readonly verb: string;
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

export function parseEntry(text: string, context: ScriptContext): Entry {
  const line = parseLine(text);
  const request = line.options.get('request')?.split(':');
  const append = line.options.get('append')?.split(':');
  return {
    at: Number(line.options.get('at') ?? 1000 * (context.state.applied + 1)),
    request: request === undefined ? null : { id: request[0] ?? '', digest: request[1] ?? '' },
    append:
      append === undefined
        ? null
        : { client: append[0] ?? '', sequence: Number(append[1]), since: Number(append[2]) as Slot },
    operation: parseOperation(line, context),
  };
}

function parseLine(text: string): Line {
  const [verb = '', ...rest] = text.trim().split(/\s+/);
  const options = new Map<string, string>();
  for (const word of rest.filter((candidate) => candidate.includes('='))) {
    const equals = word.indexOf('=');
    options.set(word.slice(0, equals), word.slice(equals + 1));
  }
  return { verb, words: rest.filter((word) => !word.includes('=')), options };
}

function parseOperation(line: Line, context: ScriptContext): Operation {
  const { verb, words } = line;
  const [first = '', second = ''] = words;
  switch (verb) {
    case 'addVolume':
      return addVolume(line, first);
    case 'removeVolume':
    case 'forfeitVolume':
      return { type: verb, volume: first };
    case 'moveVolume':
      return moveVolume(line, first, second, context.state);
    case 'createGroup':
    case 'updateGroup': {
      const targets = { freezeCgroups: list(line, 'cgroups'), freezeUnits: list(line, 'units') };
      const group = { ...groupRecord(first, list(line, 'volumes')), ...targets };
      if (verb === 'createGroup') return { type: verb, group };
      const replaced = line.options.get('replaces');
      return { type: verb, group, replaces: replaced === undefined ? null : groupRecord(first, replaced.split(',')) };
    }
    case 'removeGroup':
      return { type: verb, group: first, generations: list(line, 'generations').map(Number) };
    case 'begin':
      return begin(line, first, second, context);
    case 'takeOver':
      return { type: verb, transaction: id(first), coordinator: processOn(line.options.get('node') ?? 'b') };
    case 'commit':
      return {
        type: verb,
        transaction: id(first),
        epoch: epochOf(line, first, context),
        manifest: manifest(line, first, context),
      };
    case 'abort': {
      const code = ERROR_CODES.find((known) => known === line.options.get('code')) ?? 'INTERRUPTED';
      const reason = line.options.get('reason') ?? 'asked-for';
      return { type: verb, transaction: id(first), epoch: epochOf(line, first, context), code, reason };
    }
    case 'published':
      return {
        type: verb,
        ...key(first),
        node: second,
        volumes: line.options.has('volumes') ? list(line, 'volumes') : null,
      };
    case 'retire':
      return { type: verb, group: first, generations: second.split(',').map(Number) };
    case 'addHold':
    case 'releaseHold':
      return { type: verb, ...key(first), tag: second };
    case 'addPin':
      return { type: verb, pin: first, ...key(second), holder: processOn(line.options.get('node') ?? 'a') };
    case 'releasePin':
      return { type: verb, pin: first };
    case 'addToken': {
      const expires = Number(line.options.get('expires'));
      return { type: verb, hash: tokenHash(first), expires, node: line.options.get('for') ?? null };
    }
    case 'useToken':
      return {
        type: verb,
        hash: tokenHash(first),
        node: second,
        key: line.options.get('key') ?? null,
        address: addressOf(line, second),
      };
    case 'putMember':
      return { type: verb, node: first, address: addressOf(line, first) };
    case 'removeMember':
      return { type: verb, node: first, forfeit: line.options.get('forfeit') === 'yes' };
    case 'drainNode':
    case 'undrainNode':
      return { type: verb, node: first };
    default:
      throw new Error(`no such operation in the script language: ${verb}`);
  }
}

function addVolume({ options }: Line, name: string): Operation {
  const driver = driverName(options.get('driver') ?? 'btrfs');
  const source = options.get('source') ?? `/srv/${name}`;
  const publishDirectory = options.get('publish') ?? `/srv/.snapcommit/${name}`;
  const node = options.get('node') ?? 'a';
  return { type: 'addVolume', volume: { name, node, driver, source, publishDirectory, filesystem: `fs-${node}` } };
}

/** To the same paths, and with the volume's own filesystem, where the line says nothing else. */
function moveVolume({ options }: Line, volume: string, node: string, { volumes }: State): Operation {
  const record = lookup(volumes, volume)?.record;
  return {
    type: 'moveVolume',
    volume,
    node,
    source: options.get('source') ?? record?.source ?? `/srv/${volume}`,
    publishDirectory: options.get('publish') ?? record?.publishDirectory ?? `/srv/.snapcommit/${volume}`,
    filesystem: options.get('filesystem') ?? record?.filesystem ?? 'fs-none',
  };
}

function begin(line: Line, transaction: string, group: string, { state }: ScriptContext): Operation {
  const { options } = line;
  const mode = options.get('mode') ?? 'capture';
  const expect = options.get('expect');
  const source = options.get('source');
  return {
    type: 'begin',
    transaction: id(transaction),
    mode: mode === 'transact' || mode === 'restore' ? mode : 'capture',
    group,
    members: options.has('members') ? list(line, 'members').map(member) : membersNow(state, group),
    freezeTargets: list(line, 'freeze'),
    coordinator: processOn(options.get('node') ?? 'a'),
    deadline: 60_000,
    expectGeneration: expect === undefined ? null : Number(expect),
    sourceGeneration: source === undefined ? null : Number(source),
    message: '',
    labels: {},
  };
}

function manifest(line: Line, transaction: string, { begun }: ScriptContext): Manifest {
  const found = begun.get(transaction);
  const members = found?.members ?? [];
  const volumes = line.options.has('volumes') ? list(line, 'volumes') : members.map((one) => one.volume);
  const suffix = line.options.get('staged') ?? '';
  return {
    consistency: { grade: 'barrier', stallMs: 5, skewMs: 2, frozen: [], hosts: [] },
    volumes: volumes.map((volume) => {
      const { node = 'a', driver = 'btrfs', base = null } = members.find((one) => one.volume === volume) ?? {};
      const cloneName = `.clone-${transaction}-${volume}`;
      const swap = found?.mode === 'capture' ? null : { base: base ?? '', clone: `clone-${volume}`, cloneName };
      return { volume, node, driver, staged: `.staged-${transaction}-${volume}${suffix}`, id: `id-${volume}`, swap };
    }),
  };
}

/** The epoch that the transaction's first coordinator had, where the line names no other. */
function epochOf({ options }: Line, transaction: string, { state, begun }: ScriptContext): Epoch {
  const incarnation = Number(options.get('incarnation') ?? state.incarnation);
  const slot = options.get('epoch') ?? begun.get(transaction)?.epoch.slot ?? 0;
  return { incarnation, slot: Number(slot) as Slot };
}

export function membersNow(state: State, group: string): readonly Member[] {
  const volumes = lookup(state.groups, group)?.record.volumes ?? [];
  return volumes.map((volume) => {
    const record = lookup(state.volumes, volume)?.record;
    return { volume, node: record?.node ?? 'a', driver: record?.driver ?? 'btrfs', base: `live-${volume}` };
  });
}

function tokenHash(text: string): string {
  return text.length === 2 ? text.repeat(32) : text;
}

function addressOf({ options }: Line, node: string): string {
  return options.get('address') ?? `${node}:7440`;
}

/** `V@NODE`. */
function member(text: string): Member {
  const [volume = '', node = 'a'] = text.split('@');
  return { volume, node, driver: 'btrfs', base: `live-${volume}` };
}

export function groupRecord(name: string, volumes: readonly string[]): GroupRecord {
  return {
    name,
    volumes,
    freezeCgroups: [],
    freezeUnits: [],
    stopUnits: [],
    require: null,
    stallLimitMs: 5000,
    preHooks: [],
    postHooks: [],
  };
}

export function processOn(node: string): ProcessIdentity {
  return { node, bootId: `boot-${node}`, pid: 100, startTime: 7 };
}

export function id(text: string): TransactionId {
  return text as TransactionId;
}

function key(text: string): GenerationKey {
  const parsed = parseGenerationKey(text);
  if (parsed === null) throw new Error(`${text} names no generation`);
  return parsed;
}

function list({ options }: Line, name: string): readonly string[] {
  const value = options.get(name) ?? '';
  return value === '' ? [] : value.split(',');
}

function driverName(text: string): DriverName {
  if (text === 'btrfs' || text === 'zfs' || text === 'directory' || text === 'memory') return text;
  throw new Error(`no such driver: ${text}`);
}
