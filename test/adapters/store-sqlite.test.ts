/** What only the SQLite store has: files, damage, formats, locks. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createStore, openStore } from '#src/adapters/store-sqlite/index.js';
import { translate, type Phase } from '#src/adapters/store-sqlite/errors.js';
import { Sqlite } from '#src/adapters/store-sqlite/sqlite.js';
import { SnapcommitError } from '#src/errors.js';
import { slot } from '#src/paxos/contiguous-log.js';
import { codeOf, contractIdentity, entry, texts, write } from '../contract/log-store.js';
import { freshDirectory } from '../log/support.js';

/** A store of five rows, closed. Slots 3 to 5 follow the checkpoint. */
function storeOfFive(t: Test): string {
  const file = join(freshDirectory(t), 'log.sqlite');
  createStore(file, contractIdentity);
  const store = openStore(file);
  store.exclusively((transaction) => {
    transaction.write(write(1, 5, entry('one'), entry('two'), entry('three'), entry('four'), entry('five')));
    transaction.setApplied(slot(2));
    transaction.writeCheckpoint(new TextEncoder().encode('checkpoint'), 0);
    transaction.setApplied(slot(5));
    transaction.putArchived('app', 1, new TextEncoder().encode('archived'));
  });
  store.close();
  return file;
}

/** Changes the file behind the store's back. */
function tamper(file: string, sql: string): void {
  const database = new Sqlite(file);
  database.exec(sql);
  database.close();
}

function readAll(file: string): readonly string[] {
  const store = openStore(file);
  try {
    return store.snapshot((view) => {
      view.checkpoint();
      view.archivedOf('app');
      return texts(view.entries(view.head.checkpoint));
    });
  } finally {
    store.close();
  }
}

function failure(act: () => unknown): SnapcommitError {
  try {
    act();
  } catch (error) {
    if (error instanceof SnapcommitError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const damages: readonly { readonly name: string; readonly sql: string; readonly slot: number | null }[] = [
  { name: 'the last row is gone', sql: 'DELETE FROM log WHERE slot = 5', slot: 5 },
  { name: 'the whole tail is gone', sql: 'DELETE FROM log', slot: 3 },
  { name: 'a row in the middle is gone', sql: 'DELETE FROM log WHERE slot = 4', slot: 4 },
  {
    name: 'the last row has a flipped bit',
    sql: "UPDATE log SET bytes = CAST('fivf' AS BLOB) WHERE slot = 5",
    slot: 5,
  },
  { name: 'a ballot was changed', sql: `UPDATE log SET header = '[9,"alpha"]' WHERE slot = 4`, slot: 4 },
  { name: 'a checksum was changed', sql: 'UPDATE log SET crc = crc + 1 WHERE slot = 4', slot: 4 },
  { name: 'a chain was changed', sql: 'UPDATE log SET chain = zeroblob(32) WHERE slot = 3', slot: 3 },
  {
    name: 'a row was copied over another',
    sql: 'UPDATE log SET (bytes, chain, crc) = (SELECT bytes, chain, crc FROM log WHERE slot = 3) WHERE slot = 4',
    slot: 4,
  },
  {
    name: 'a row too many',
    sql: 'INSERT INTO log SELECT 6, header, bytes, chain, crc FROM log WHERE slot = 5',
    slot: 6,
  },
  { name: 'the checkpoint is gone', sql: 'DELETE FROM checkpoint', slot: 2 },
  {
    name: 'the checkpoint has a flipped bit',
    sql: "UPDATE checkpoint SET bytes = CAST('Checkpoint' AS BLOB)",
    slot: 2,
  },
  { name: 'the checkpoint is an older one', sql: 'UPDATE checkpoint SET slot = 1', slot: 2 },
  { name: 'the meta row is gone', sql: 'DELETE FROM meta', slot: null },
  {
    name: 'the meta row has a flipped bit',
    sql: `UPDATE meta SET body = replace(body, '"last":5', '"last":4')`,
    slot: null,
  },
  {
    name: 'an archived generation has a flipped bit',
    sql: "UPDATE archive SET bytes = CAST('Archived' AS BLOB)",
    slot: null,
  },
];

t.test('D10 damage is found, named, and never taken for "never accepted"', async (t) => {
  for (const { name, sql, slot: at } of damages) {
    const file = storeOfFive(t);
    t.same(readAll(file), ['three', 'four', 'five']);
    tamper(file, sql);
    const error = failure(() => readAll(file));
    t.equal(error.code, 'LOG_CORRUPT', name);
    t.equal(error.details['slot'], at, `${name}: the slot`);
    t.match(error.message, file, `${name}: the file`);
  }
});

t.test('D10 a whole row of another history is not taken for ours', async (t) => {
  // Each history differs from ours in one row; the row that is copied is whole, and follows from its own history.
  for (const [copied, ...history] of [
    [4, 'one', '2', 'three', 'four', 'five'],
    [5, 'one', 'two', 'three', 'four', '5'],
  ] as const) {
    const file = storeOfFive(t);
    const other = join(freshDirectory(t), 'log.sqlite');
    createStore(other, contractIdentity);
    const store = openStore(other);
    store.exclusively((transaction) => {
      transaction.write(write(1, 5, ...history.map((text) => entry(text))));
    });
    store.close();
    const at = String(copied);
    tamper(
      file,
      `ATTACH '${other}' AS other;
       UPDATE log SET (bytes, chain, crc) = (SELECT bytes, chain, crc FROM other.log WHERE slot = ${at}) WHERE slot = ${at}`,
    );
    t.equal(failure(() => readAll(file)).details['slot'], copied);
  }
});

t.test('D10 scrub reads every row, also those that a start does not', async (t) => {
  const file = join(freshDirectory(t), 'log.sqlite');
  createStore(file, contractIdentity);
  const store = openStore(file);
  t.teardown(() => {
    store.close();
  });
  store.exclusively((transaction) => {
    transaction.write(write(1, 3, entry('one'), entry('two'), entry('three')));
    transaction.setApplied(slot(3));
    transaction.writeCheckpoint(new Uint8Array([3]), 2);
  });
  t.equal(store.scrub(), 2);
  tamper(file, "UPDATE log SET bytes = CAST('Two' AS BLOB) WHERE slot = 2");
  t.equal(failure(() => store.scrub()).details['slot'], 2);
});

t.test('D10 a damaged page is found, whatever stood on it', async (t) => {
  const file = storeOfFive(t);
  const content = readFileSync(file);
  content.fill(0xa5, 4096);
  writeFileSync(file, content);
  t.equal(
    codeOf(() => readAll(file)),
    'LOG_CORRUPT',
  );
  writeFileSync(file, 'not a database, but long enough to be taken for one: '.repeat(100));
  t.equal(
    codeOf(() => readAll(file)),
    'LOG_CORRUPT',
  );
  writeFileSync(file, '');
  t.equal(
    codeOf(() => readAll(file)),
    'LOG_CORRUPT',
  );
});

t.test('a store of a newer format and a foreign database are refused and left alone', async (t) => {
  const file = storeOfFive(t);
  tamper(file, 'PRAGMA user_version = 3');
  const before = readFileSync(file);
  const newer = failure(() => readAll(file));
  t.equal(newer.code, 'LOG_FORMAT_NEWER');
  t.match(newer.message, /newer snapcommit/);
  t.same(readFileSync(file), before);
  const foreign = join(freshDirectory(t), 'log.sqlite');
  tamper(foreign, 'CREATE TABLE t (x)');
  t.equal(
    codeOf(() => openStore(foreign)),
    'LOG_FOREIGN',
  );
});

t.test('init makes a private store once, and leaves nothing else', async (t) => {
  const directory = join(freshDirectory(t), 'made', 'by-init');
  const file = join(directory, 'log.sqlite');
  createStore(file, contractIdentity);
  t.equal(statSync(directory).mode & 0o777, 0o700);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.same(readdirSync(directory), ['log.sqlite']);
  const before = readFileSync(file);
  t.equal(
    codeOf(() => {
      createStore(file, { ...contractIdentity, node: 'beta' });
    }),
    'EXISTS',
  );
  t.same(readFileSync(file), before);
  t.same(readdirSync(directory), ['log.sqlite']);
});

t.test('the files beside the store are as private as it is', async (t) => {
  const file = storeOfFive(t);
  const store = openStore(file);
  t.teardown(() => {
    store.close();
  });
  store.exclusively((transaction) => {
    transaction.write(write(6, 6, entry('six')));
  });
  for (const suffix of ['-wal', '-shm']) t.equal(statSync(file + suffix).mode & 0o777, 0o600, suffix);
});

t.test('an init that died halfway can be repeated', async (t) => {
  const directory = freshDirectory(t);
  const file = join(directory, 'log.sqlite');
  // No process has this id: it is above what the kernel gives.
  for (const suffix of ['', '-wal', '-shm']) writeFileSync(`${file}.new-99999999${suffix}`, 'half');
  t.equal(
    codeOf(() => openStore(file)),
    'STATE_NOT_FOUND',
  );
  createStore(file, contractIdentity);
  t.same(readdirSync(directory), ['log.sqlite']);
});

t.test('a directory that is missing, or is none, is said to be', async (t) => {
  const directory = freshDirectory(t);
  const missing = failure(() => openStore(join(directory, 'missing', 'log.sqlite')));
  t.equal(missing.code, 'STATE_NOT_FOUND');
  t.match(missing.message, /snapcommit init/);
  writeFileSync(join(directory, 'file'), '');
  t.equal(
    codeOf(() => {
      createStore(join(directory, 'file', 'log.sqlite'), contractIdentity);
    }),
    'STATE_DIRECTORY_INVALID',
  );
  mkdirSync(join(directory, 'log.sqlite'));
  t.equal(
    codeOf(() => openStore(join(directory, 'log.sqlite'))),
    'UNAVAILABLE',
  );
});

t.test('a store that another process holds is busy, in plain words, and nothing is written', async (t) => {
  const file = storeOfFive(t);
  const holder = new Sqlite(file);
  t.teardown(() => holder.close());
  holder.exec('BEGIN IMMEDIATE');
  const store = openStore(file, 50);
  t.teardown(() => {
    store.close();
  });
  const error = failure(() => {
    store.exclusively((transaction) => {
      transaction.write(write(6, 6, entry('six')));
    });
  });
  t.equal(error.code, 'BUSY');
  t.match(error.message, /another process is writing/);
  t.equal(
    store.snapshot((view) => view.head.last),
    5,
    'and reads go on',
  );
  holder.exec('ROLLBACK');
  store.exclusively((transaction) => {
    transaction.write(write(6, 6, entry('six')));
  });
  t.equal(
    store.snapshot((view) => view.head.last),
    6,
  );
});

t.test('L6 of a commit only what comes before it is written is told as not done', (t) => {
  const codeOfFailed = (code: string, phase: Phase): unknown => {
    const told = translate(new Sqlite.SqliteError(code, code), 'log.sqlite', phase);
    return told instanceof SnapcommitError ? told.code : null;
  };
  t.equal(codeOfFailed('SQLITE_FULL', 'commit'), 'STORE_FULL');
  for (const code of ['SQLITE_IOERR_SHMSIZE', 'SQLITE_NOMEM', 'SQLITE_IOERR_NOMEM', 'SQLITE_IOERR_FSYNC'])
    t.equal(codeOfFailed(code, 'commit'), 'OUTCOME_UNKNOWN', code);
  t.equal(codeOfFailed('SQLITE_IOERR_SHMSIZE', 'begin'), 'STORE_FULL', 'nothing is written yet');
  t.end();
});

t.test('a directory that this user may not write is denied', async (t) => {
  if (process.getuid?.() === 0) {
    t.pass('root may write everything');
    return;
  }
  const directory = freshDirectory(t);
  chmodSync(directory, 0o500);
  t.equal(
    codeOf(() => {
      createStore(join(directory, 'log.sqlite'), contractIdentity);
    }),
    'DENIED',
  );
  t.notOk(existsSync(join(directory, 'log.sqlite')));
});
