// Which package SQLite comes from on this Node, as src/adapters/store-sqlite/sqlite.ts chooses it and says why.

/** Whether it is the one that is written for Node-API: it brings its binaries along, nothing is compiled. */
export const hasNodeApi = Number(process.versions.node.split('.')[0]) >= 22;

export const sqlitePackage = hasNodeApi ? 'better-sqlite3-napi' : 'better-sqlite3';
