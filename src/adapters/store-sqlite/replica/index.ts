/** The daemon's door to the store. The embedded form goes through ../index.ts, and loads none of this. */
export { openReplicaStore } from './store.js';
