#!/usr/bin/env node
'use strict';
// Snapshots of many volumes are made in parallel on libuv's threads; its default of 4 would queue them. The number is read
// when the first work is queued, and is none of the commands that we start. Threads take time to start, so only those that
// make snapshots get them.
const SNAPSHOTTING = ['commit', 'transact', 'restore', 'recover'];
if (process.env.UV_THREADPOOL_SIZE === undefined && SNAPSHOTTING.some((word) => process.argv.includes(word))) {
  process.env.UV_THREADPOOL_SIZE = '16';
  require('node:fs').stat('/', () => undefined);
  delete process.env.UV_THREADPOOL_SIZE;
}
require('./load.js').load((main) => main.start());
