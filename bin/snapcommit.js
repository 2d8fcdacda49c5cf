#!/usr/bin/env node
// Snapshots of many volumes are made in parallel on libuv's threads; its default of 4 would queue them.
process.env.UV_THREADPOOL_SIZE ??= '16';
const { start } = await import('../dist/cli/main.js');

await start();
