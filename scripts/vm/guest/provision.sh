#!/bin/sh
# Configures a Debian 12 node for snapcommit: run as root inside it, after the packages are installed.
# The rig runs it in the tree of its image, Vagrant in a running machine: so it only writes files and enables units.
#
#   provision.sh btrfs|zfs|both
set -eu

kind=$1

# Modules that the tests use, loaded at boot.
{
  case $kind in btrfs | both) echo btrfs ;; esac
  case $kind in zfs | both) echo zfs ;; esac
  echo loop
} >/etc/modules-load.d/snapcommit.conf

# A node answers to what it was told to do, not to timers of the distribution in the middle of a measurement.
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer systemd-tmpfiles-clean.timer

# A small ARC: the nodes have little memory.
case $kind in
  zfs | both)
    mkdir -p /etc/modprobe.d
    echo 'options zfs zfs_arc_max=268435456' >/etc/modprobe.d/snapcommit.conf
    # Pools are imported from the cache file, so that no boot waits for a scan of all devices.
    systemctl enable --quiet zfs-import-cache.service zfs-import.target zfs-mount.service zfs.target
    ;;
esac

cat >/etc/profile.d/snapcommit.sh <<'EOF'
export PATH=/snapcommit/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
EOF
mkdir -p /snapcommit
ln -sf /snapcommit/bin/snapcommit.js /usr/local/bin/snapcommit
