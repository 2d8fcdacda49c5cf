#!/bin/sh
':' /* To a shell this is a command that does nothing, to Node an unused string and a comment: the shell starts Node.
# Where NODE_EXTRA_CA_CERTS is set, Node 20 reads all of those certificates before anything else, which doubles the time
# that it takes to start. Nothing here asks them (members of a cluster trust its own authority alone), but a hook may.
if [ -n "$NODE_EXTRA_CA_CERTS" ]; then
  export SNAPCOMMIT_NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"
  unset NODE_EXTRA_CA_CERTS
fi
exec node "$0" "$@"
*/
'use strict';
const certificates = process.env.SNAPCOMMIT_NODE_EXTRA_CA_CERTS;
if (certificates !== undefined) {
  process.env.NODE_EXTRA_CA_CERTS = certificates;
  delete process.env.SNAPCOMMIT_NODE_EXTRA_CA_CERTS;
}
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
