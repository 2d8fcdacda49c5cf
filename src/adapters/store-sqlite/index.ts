/** The folder's door. Importing it loads better-sqlite3, so importers do that when they need it. */
export { createStore } from './create.js';
export { BUSY_TIMEOUT_MS, openStore } from './open.js';
