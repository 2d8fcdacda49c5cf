#!/bin/sh
# What only a guest of the rig needs, on top of provision.sh: its file systems, its network, its way in, a quick boot.
# Runs in the tree of the image.
set -eu

cat >/etc/fstab <<'EOF'
/dev/vda                 /                        ext4  rw,relatime  0 0
/dev/disk/by-id/virtio-project  /snapcommit              ext4  ro,x-systemd.device-timeout=900   0 0
/dev/disk/by-id/virtio-modules  /snapcommit/node_modules ext4  ro,x-systemd.device-timeout=900   0 0
EOF
echo snapcommit-guest >/etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 snapcommit-guest\n' >/etc/hosts

# The root password is locked; the rig's key opens.
mkdir -p -m 700 /root/.ssh
cat >/etc/ssh/sshd_config.d/rig.conf <<'EOF'
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
HostKey /etc/ssh/ssh_host_ed25519_key
MaxSessions 64
MaxStartups 64
EOF
rm -f /etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key

# eth0 leads to the host, eth1 (where there is one) to the other guests; its address stands on the kernel's command line.
cat >/usr/local/sbin/rig-network <<'EOF'
#!/bin/sh
wait_for() {
  tries=0
  until [ -e "/sys/class/net/$1" ] || [ $tries -ge 300 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
}
ip link set lo up
wait_for eth0
ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0
for word in $(cat /proc/cmdline); do
  case $word in
    rig.address=*) wait_for eth1; ip link set eth1 up && ip addr add "${word#*=}" dev eth1 ;;
    rig.hostname=*) echo "${word#*=}" >/proc/sys/kernel/hostname ;;
  esac
done
exit 0
EOF
chmod 755 /usr/local/sbin/rig-network
cat >/etc/systemd/system/rig-network.service <<'EOF'
[Unit]
Description=Addresses of a guest of the rig
DefaultDependencies=no
Wants=network.target sys-subsystem-net-devices-eth0.device
Before=network.target
After=systemd-udevd.service systemd-udev-trigger.service sys-subsystem-net-devices-eth0.device
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/rig-network
[Install]
WantedBy=multi-user.target
EOF
# The rig reads this line on the serial console: from here on commands can be run.
cat >/etc/systemd/system/rig-ready.service <<'EOF'
[Unit]
Description=Tells the rig that the guest is up
After=ssh.service multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "rig: guest is up" >/dev/ttyS0'
[Install]
WantedBy=default.target
EOF
systemctl enable --quiet rig-network.service rig-ready.service ssh.service
systemctl set-default --quiet multi-user.target

# An emulated processor boots slowly: what nobody here uses stays off.
systemctl mask --quiet systemd-timesyncd.service getty@tty1.service serial-getty@ttyS0.service getty-static.service \
  systemd-logind.service systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-pcrphase.service \
  systemd-pcrphase-sysinit.service systemd-binfmt.service zfs-zed.service zfs-share.service zfs-volume-wait.service \
  systemd-udev-settle.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
  modprobe@drm.service modprobe@efi_pstore.service keyboard-setup.service console-setup.service systemd-sysusers.service \
  systemd-random-seed.service systemd-pstore.service sys-fs-fuse-connections.mount sys-kernel-config.mount
mkdir -p /etc/systemd/system-generators
for name in systemd-cryptsetup-generator systemd-gpt-auto-generator systemd-hibernate-resume-generator \
  systemd-integritysetup-generator systemd-rc-local-generator systemd-sysv-generator systemd-veritysetup-generator; do
  ln -sf /dev/null /etc/systemd/system-generators/$name
done
# … and must not be given up on while the machine under it is busy (its unit has a limit of its own).
mkdir -p /etc/systemd/system/systemd-modules-load.service.d
printf '[Service]\nTimeoutSec=900\n' >/etc/systemd/system/systemd-modules-load.service.d/rig.conf
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=persistent\nSystemMaxUse=32M\n' >/etc/systemd/journald.conf.d/rig.conf
mkdir -p /var/log/journal
: >/etc/machine-id
