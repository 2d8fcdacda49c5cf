import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createStore } from '#src/adapters/store-sqlite/index.js';
import { openReplicaStore } from '#src/adapters/store-sqlite/replica/index.js';
import { Sqlite } from '#src/adapters/store-sqlite/sqlite.js';
import type { StoreIdentity } from '#src/ports/log-store.js';
import type { ReplicaStore } from '#src/ports/replica-store.js';
import { freshDirectory } from '../log/support.js';
import { MemoryDisk } from '../support/memory-replica-store.js';
import { entry } from './log-store.js';
import { replicaStoreContract, write } from './replica-store.js';
import { replicaStoreDamageContract } from './replica-store-damage.js';
import { codeOf, replicaIdentity, type DiskUnderTest } from './replica-store-subject.js';

class SqliteDisk implements DiskUnderTest {
  readonly #t: Test;
  readonly #file: string;
  #opened: ReplicaStore | null = null;

  constructor(t: Test, file: string) {
    this.#t = t;
    this.#file = file;
    t.teardown(() => this.#opened?.close());
  }

  async open(): Promise<ReplicaStore> {
    await this.#opened?.close();
    this.#opened = await openReplicaStore(this.#file, { ballastBytes: 0 });
    return this.#opened;
  }

  async copy(): Promise<DiskUnderTest> {
    const copy = join(freshDirectory(this.#t), 'log.sqlite');
    this.#tamper(`VACUUM INTO '${copy}'`);
    const database = new Sqlite(copy);
    database.pragma('journal_mode = WAL');
    database.close();
    return new SqliteDisk(this.#t, copy);
  }

  damage(at: number, how: 'missing' | 'flipped' | { readonly misdirected: number }): void {
    const here = `WHERE slot = ${String(at)}`;
    if (how === 'missing') this.#tamper(`DELETE FROM log ${here}`);
    else if (how === 'flipped') this.#tamper(`UPDATE log SET bytes = CAST(bytes || x'21' AS BLOB) ${here}`);
    else {
      const row = 'header, bytes, chain, crc';
      this.#tamper(
        `UPDATE log SET (${row}) = (SELECT ${row} FROM log WHERE slot = ${String(how.misdirected)}) ${here}`,
      );
    }
  }

  damageCheckpoint(): void {
    this.#tamper("UPDATE checkpoint SET bytes = CAST(bytes || x'21' AS BLOB)");
  }

  damageArchived(group: string, generation: number): void {
    this.#tamper(
      `UPDATE archive SET bytes = CAST(bytes || x'21' AS BLOB) WHERE group_name = '${group}' AND generation = ${String(generation)}`,
    );
  }

  #tamper(sql: string): void {
    const database = new Sqlite(this.#file);
    database.exec(sql);
    database.close();
  }
}

class MemoryDiskUnderTest implements DiskUnderTest {
  readonly disk: MemoryDisk;

  constructor(disk: MemoryDisk) {
    this.disk = disk;
  }

  open(): Promise<ReplicaStore> {
    return this.disk.open(randomUUID());
  }

  async copy(): Promise<DiskUnderTest> {
    return new MemoryDiskUnderTest(this.disk.copy());
  }

  damage(at: number, how: Parameters<DiskUnderTest['damage']>[1]): void {
    this.disk.damage(at, how);
  }

  damageCheckpoint(): void {
    this.disk.damageCheckpoint();
  }

  damageArchived(group: string, generation: number): void {
    this.disk.damageArchived(group, generation);
  }
}

async function sqlite(t: Test, identity: StoreIdentity): Promise<DiskUnderTest> {
  const file = join(freshDirectory(t), 'log.sqlite');
  createStore(file, identity);
  return new SqliteDisk(t, file);
}

async function memory(_t: Test, identity: StoreIdentity): Promise<DiskUnderTest> {
  return new MemoryDiskUnderTest(new MemoryDisk(identity, randomUUID()));
}

t.test("a replica's store on SQLite, in a worker", async (t) => {
  replicaStoreContract(t, sqlite);
  replicaStoreDamageContract(t, sqlite);
});

t.test("a replica's store in memory", async (t) => {
  replicaStoreContract(t, memory);
  replicaStoreDamageContract(t, memory);
});

t.test('the memory disk fails as it is told', async (t) => {
  const disk = new MemoryDisk(replicaIdentity, 'm');
  const store = await disk.open('1');
  disk.isFull = true;
  t.equal(await codeOf(store.persist({ writes: [write(1, 1, entry('x'))] })), 'STORE_FULL');
  t.equal(await codeOf(store.persist({ writes: [write(1, 0)] })), 'done', 'votes have room');
  disk.isFull = false;
  disk.nextSync = 'failsDone';
  t.equal(await codeOf(store.persist({ writes: [write(1, 1, entry('x'))] })), 'OUTCOME_UNKNOWN');
  t.equal(await codeOf(store.load()), 'LOG_LATCHED');
  t.equal((await (await disk.open('2')).load()).head.last, 1);
});
