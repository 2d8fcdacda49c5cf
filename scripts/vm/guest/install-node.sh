#!/bin/sh
# Puts a Node that was copied into this machine in its place: Debian 12's own is too old for snapcommit.
#
#   install-node.sh FILE
set -eu

install -m 755 "$1" /usr/local/bin/node
rm -f "$1"
if ! /usr/local/bin/node -e 0; then
  echo "the Node copied from the host does not run in Debian 12: set SNAPCOMMIT_NODE to one that does" >&2
  exit 1
fi
