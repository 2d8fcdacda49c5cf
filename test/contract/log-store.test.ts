import { join } from 'node:path';
import t from 'tap';
import { MemoryStore } from '#src/adapters/store-memory.js';
import { createStore, openStore } from '#src/adapters/store-sqlite/index.js';
import { freshDirectory } from '../log/support.js';
import { codeOf, contractIdentity, entry, logStoreContract, write } from './log-store.js';

t.test('the memory store', async (t) => {
  logStoreContract(t, () => {
    const store = new MemoryStore(contractIdentity);
    return { store, reopen: () => store };
  });
});

t.test('the SQLite store', async (t) => {
  logStoreContract(t, (t) => {
    const file = join(freshDirectory(t), 'log.sqlite');
    createStore(file, contractIdentity);
    const open = (): ReturnType<typeof openStore> => {
      const store = openStore(file);
      t.teardown(() => {
        store.close();
      });
      return store;
    };
    return { store: open(), reopen: open };
  });
});

t.test('the memory store fails as it is told', async (t) => {
  const store = new MemoryStore(contractIdentity);
  const append = (): void => {
    store.exclusively((transaction) => {
      transaction.write(write(1, 1, entry('x')));
    });
  };
  store.nextCommit = 'isFull';
  t.equal(codeOf(append), 'STORE_FULL');
  t.equal(
    store.snapshot((view) => view.head.last),
    0,
  );
  store.nextCommit = 'failsToSync';
  t.equal(codeOf(append), 'OUTCOME_UNKNOWN');
  t.equal(codeOf(append), 'LOG_LATCHED');
  t.equal(
    codeOf(() => store.scrub()),
    'LOG_LATCHED',
  );
});
