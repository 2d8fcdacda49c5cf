#!/bin/busybox sh
# The first program of a guest: loads what the root disk needs, mounts it, goes on there.
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for word in $(/bin/busybox cat /proc/cmdline); do
  if [ "$word" = rig.probe ]; then
    echo 'rig: the kernel runs'
    /bin/busybox poweroff -f
  fi
done
for module in $(/bin/busybox cat /modules/order); do
  /bin/busybox insmod "/modules/$module" 2>/dev/null
done
tries=0
until [ -b /dev/vda ] || [ $tries -ge 200 ]; do
  tries=$((tries + 1))
  /bin/busybox usleep 50000
done
if ! /bin/busybox mount -t ext4 /dev/vda /root; then
  echo 'rig: the root disk cannot be mounted'
  /bin/busybox poweroff -f
fi
/bin/busybox umount /proc
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
