#!/bin/sh
# Installs a node's Debian packages in a running Debian 12, from the lists beside this file: run as root inside it.
# (The rig has the same lists installed while it makes its image.)
#
#   install-packages.sh btrfs|zfs|both
set -eu

kind=$1
here=$(dirname "$0")
lists="$here/packages-base"
case $kind in btrfs | both) lists="$lists $here/packages-btrfs" ;; esac
case $kind in zfs | both) lists="$lists $here/packages-zfs" ;; esac

export DEBIAN_FRONTEND=noninteractive
if [ "$kind" != btrfs ]; then
  # OpenZFS is in Debian's section "contrib".
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    [ ! -f "$file" ] || sed -i -E '/contrib/! s/^(deb .* main|Components: main)/\1 contrib/' "$file"
  done
fi
apt-get -q update
if [ "$kind" != btrfs ]; then
  # Builds the kernel's modules, which takes a while.
  apt-get -q install -y --no-install-recommends "linux-headers-$(uname -r)" zfs-dkms
fi
# shellcheck disable=SC2046,SC2086 # one word a list, and a package
apt-get -q install -y --no-install-recommends $(cat $lists | grep -v '^#')
if [ "$kind" != btrfs ]; then modprobe zfs; fi
