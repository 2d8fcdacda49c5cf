/**
 * SQLite, by the package that this Node can carry.
 *
 * better-sqlite3 12 is written for V8's own interface. Since 24.19 Node takes back a hook of each of its objects when they
 * are collected, and aborts the process where no JavaScript happens to be running then: a daemon dies of it sooner or later,
 * a command when it ends. 13 is written for Node-API, which has no such hooks, brings its binaries along, and does not run
 * on Node 20. Both have one interface and one file format.
 */
import { createRequire } from 'node:module';
import type BetterSqlite3 from 'better-sqlite3';
import { cannotLoad } from './cannot-load.js';

export type { Database, Statement } from 'better-sqlite3';

const require = createRequire(import.meta.url);
const [major = 0] = process.versions.node.split('.').map(Number);

function load(): unknown {
  try {
    return major >= 22 ? require('better-sqlite3-napi') : require('better-sqlite3');
  } catch (cause) {
    throw cannotLoad(cause);
  }
}

export const Sqlite = load() as typeof BetterSqlite3;
