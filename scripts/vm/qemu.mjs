// QEMU's command line. Nothing is started here.
import { totalmem } from 'node:os';

/** Drivers of what every such machine has and nobody here uses: a sixth of what a boot costs an emulated processor. */
const UNUSED_MODULES = [
  ...['ahci', 'libahci', 'libata', 'scsi_mod', 'scsi_common', 'psmouse', 'serio_raw', 'evdev', 'pcspkr'],
  ...['i2c_i801', 'i2c_smbus', 'lpc_ich', 'iTCO_wdt', 'iTCO_vendor_support', 'intel_pmc_bxt', 'watchdog'],
  ...['sha1_ssse3', 'sha256_ssse3', 'sha512_ssse3'],
];

/**
 * @param {{
 *   accelerator: 'kvm' | 'tcg', image: import('./image.mjs').Image, memoryMiB: number,
 *   disks: readonly import('./disks.mjs').Disk[], readOnlyDisks: Readonly<Record<string, string>>, qmp: string,
 *   network: { group: string, address: string, hardwareAddress: string } | null, words: readonly string[] }} machine
 *   `disks`: the first is the root disk; `network`: the one between guests; `words`: for the kernel's command line
 * @returns {string[]}
 */
export function qemuArguments({ accelerator, image, memoryMiB, disks, readOnlyDisks, qmp, network, words }) {
  const kernelWords = [
    'console=ttyS0',
    'quiet',
    'loglevel=4',
    'net.ifnames=0',
    'panic=-1',
    'mitigations=off',
    'audit=0',
    // The kernel's ciphers need not prove themselves at each boot.
    'cryptomgr.notests',
    `module_blacklist=${UNUSED_MODULES.join(',')}`,
  ];
  // Neither a disk nor a service is given up on: a busy machine under the guest can make a second a minute.
  kernelWords.push('systemd.default_timeout_start_sec=900', ...words);
  return [
    ...machineArguments(accelerator, memoryMiB),
    ...['-kernel', image.kernel, '-initrd', image.ramdisk, '-append', kernelWords.join(' ')],
    ...disks.flatMap((disk) => diskArguments(disk.name, `nbd:unix:${disk.socket}`, disk.format, false)),
    ...Object.entries(readOnlyDisks).flatMap(([name, file]) => diskArguments(name, file, 'raw', true)),
    // Towards the host: no way out (restrict), only the port of sshd, at a free port of the host's own address.
    ...['-netdev', 'user,id=host,restrict=on,hostfwd=tcp:127.0.0.1:0-:22'],
    ...['-device', 'virtio-net-pci,netdev=host,romfile='],
    ...(network === null ? [] : networkArguments(network)),
    ...['-qmp', `unix:${qmp},server=on,wait=off`],
  ];
}

/** A machine that only says that its kernel runs: whether an accelerator works at all. */
export function probeArguments(accelerator, image) {
  const words = 'console=ttyS0 quiet rig.probe panic=-1';
  return [...machineArguments(accelerator, 512), '-kernel', image.kernel, '-initrd', image.ramdisk, '-append', words];
}

function machineArguments(accelerator, memoryMiB) {
  return [
    // A plain processor: OpenZFS measures its checksums with every set of instructions that it finds, at each boot. And one
    // of them: two emulated ones wait for each other so much that two guests get half as much done on two processors.
    ...(accelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host', '-smp', '2']
      : ['-accel', `tcg,tb-size=${String(translationMiB())}`, '-cpu', 'Nehalem,+rdrand', '-smp', '1']),
    ...['-machine', 'q35', '-m', String(memoryMiB), '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-no-reboot', '-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-object', 'rng-random,id=entropy,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=entropy'],
  ];
}

/**
 * Memory in MiB for translated instructions: QEMU forgets all of them when it is full, which each minute of tests would do at
 * 512 MiB and costs them a quarter of their time. 2047 is the most that it takes; three guests run beside each other.
 */
function translationMiB() {
  return Math.min(2047, Math.floor(totalmem() / 2 ** 20 / 10));
}

function diskArguments(name, file, format, isReadOnly) {
  // QEMU keeps no data of an NBD disk: a guest's flush is one of the server's. The serial names it in /dev/disk/by-id.
  const options = [`file=${file}`, `format=${format}`, 'if=none', `id=${name}`, ...(isReadOnly ? ['readonly=on'] : [])];
  return ['-drive', options.join(','), '-device', `virtio-blk-pci,drive=${name},serial=${name}`];
}

function networkArguments({ group, hardwareAddress }) {
  return [
    ...['-netdev', `socket,id=guests,mcast=${group},localaddr=127.0.0.1`],
    ...['-device', `virtio-net-pci,netdev=guests,mac=${hardwareAddress},romfile=`],
  ];
}
