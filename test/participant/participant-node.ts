/** One node with a memory volume in a log of its own, that counts as a cluster's: its part in transactions, step by step. */
import { join } from 'node:path';
import type { Test } from 'tap';
import { createMemoryDriver, type MemoryDriver } from '#src/adapters/driver-memory/index.js';
import { createMemoryNodeFiles } from '#src/adapters/node-files-memory.js';
import { contextOver } from '#src/daemon/compose.js';
import type { ManifestVolume, Operation, Slot, TransactionId, TransactionMode } from '#src/machine/entry.js';
import type { Context } from '#src/participant/context.js';
import { LocalParticipant } from '#src/participant/local-participant.js';
import type { Work } from '#src/ports/participant.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { freshDirectory, freshLog } from '../log/support.js';

export const SOURCE = '/live/db';
export const PUBLISH = '/published/db';
export const PLACE = { name: 'db', source: SOURCE, publishDirectory: PUBLISH };

/** A second volume of the group, for who asks for one. */
const WAL = { name: 'wal', source: '/live/wal', publishDirectory: '/published/wal' };

export class ParticipantNode {
  readonly places: readonly (typeof PLACE)[];
  readonly context: Context;
  readonly participant: LocalParticipant;
  readonly driver: MemoryDriver;
  /** Hooks in the order in which they ran: `pre t1`. */
  readonly hooked: string[] = [];
  #begun = 0;

  private constructor(context: Context, driver: MemoryDriver, places: readonly (typeof PLACE)[]) {
    this.places = places;
    const hooked = this.hooked;
    const files = createMemoryNodeFiles();
    for (const { publishDirectory } of places) files.addDirectory(publishDirectory);
    files.addDirectory(join(context.stateDirectory, 'owed'));
    this.driver = driver;
    this.context = {
      ...context,
      files,
      driver: async () => Promise.resolve(driver),
      treeUsers: async () => Promise.resolve({ find: async () => Promise.resolve([]) }),
      hooks: async () =>
        Promise.resolve({
          check: async () => Promise.resolve(),
          run: async (_file, { phase, transaction }) => {
            hooked.push(`${phase} ${transaction}`);
            return Promise.resolve();
          },
        }),
    };
    this.participant = new LocalParticipant(this.context);
  }

  static async make(t: Test, preHooks: readonly string[] = [], hasTwo = false): Promise<ParticipantNode> {
    const { log } = await freshLog(t);
    const driver = createMemoryDriver();
    const places = hasTwo ? [PLACE, WAL] : [PLACE];
    const node = new ParticipantNode(contextOver(log, { stateDirectory: freshDirectory(t) }), driver, places);
    // Of a cluster: only there what is closed is noted.
    await node.append({ type: 'putMember', node: 'alpha', address: 'alpha:7420' });
    for (const place of places) {
      driver.world.addVolume(place.source, { file: 'content' });
      await driver.prepare(place);
      const volume = { ...place, node: 'alpha', driver: 'memory' as const, filesystem: `memory:${place.source}` };
      await node.append({ type: 'addVolume', volume });
    }
    const record = { freezeCgroups: [], freezeUnits: [], stopUnits: [], require: null, stallLimitMs: 5000 };
    const group = { name: 'app', volumes: places.map(({ name }) => name), ...record, preHooks, postHooks: preHooks };
    await node.append({ type: 'createGroup', group });
    return node;
  }

  /** Another volume of this node, in no group. */
  async addVolume(name: string): Promise<VolumePlace> {
    const place = { name, source: `/live/${name}`, publishDirectory: `/published/${name}` };
    this.driver.world.addVolume(place.source, { file: 'content' });
    await this.driver.prepare(place);
    const filesystem = `memory:${place.source}`;
    await this.append({ type: 'addVolume', volume: { ...place, node: 'alpha', driver: 'memory', filesystem } });
    return place;
  }

  async append(operation: Operation): Promise<Slot> {
    const result = await this.context.log.append(operation);
    if (result.status !== 'chosen' || !result.outcome.ok) throw new Error(JSON.stringify(result));
    return result.slot;
  }

  async begin(mode: TransactionMode): Promise<Work> {
    this.#begun += 1;
    const transaction = `01h0000000000000000000000${String(this.#begun)}` as TransactionId;
    const members = this.places.map(({ name, source }) => {
      const base = this.driver.world.image(source).live.id;
      return { volume: name, node: 'alpha', driver: 'memory' as const, base };
    });
    const slot = await this.append({
      type: 'begin',
      transaction,
      mode,
      group: 'app',
      members,
      freezeTargets: [],
      coordinator: this.context.self,
      deadline: 1,
      expectGeneration: null,
      sourceGeneration: null,
      message: '',
      labels: {},
    });
    return { transaction, epoch: { incarnation: 1, slot } };
  }

  async abort({ transaction, epoch }: Work): Promise<void> {
    await this.append({ type: 'abort', transaction, epoch, code: 'ABORTED', reason: 'for a test' });
  }

  /** Up to the commit, which is not made; answers what it would be of. */
  async close(work: Work): Promise<readonly ManifestVolume[]> {
    await this.participant.clone(work);
    const sealed = await this.participant.seal(work);
    await this.participant.close(work);
    return sealed;
  }

  async commit({ transaction, epoch }: Work, volumes: readonly ManifestVolume[]): Promise<void> {
    const consistency = { grade: 'barrier', stallMs: 0, skewMs: 0, frozen: [], hosts: [] } as const;
    await this.append({ type: 'commit', transaction, epoch, manifest: { consistency, volumes } });
  }

  /** The next exchange of trees waits for `end`. */
  holdExchange(): { readonly begun: Promise<void>; end(): void } {
    const { exchange } = this.driver;
    let end = (): void => undefined;
    const held = new Promise<void>((resolve) => (end = resolve));
    const begun = new Promise<void>((resolve) => {
      this.driver.exchange = async (...given) => {
        resolve();
        await held;
        return exchange(...given);
      };
    });
    return { begun, end };
  }

  get isReadOnly(): boolean {
    return this.driver.world.image(SOURCE).live.readOnly;
  }
}
