// Whether KVM boots a guest here. A /dev/kvm that is there proves nothing (nested machines offer some that never start a
// guest), so it is tried, once per boot of this machine and version of QEMU.
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../lib/run.mjs';
import { cacheDirectory } from './places.mjs';
import { probeArguments } from './qemu.mjs';
import { say, tool } from './tools.mjs';

/** A kernel that KVM runs says so within two seconds. */
const PROBE_MS = 15_000;

/** @param {import('./image.mjs').Image} image @returns {Promise<'kvm' | 'tcg'>} */
export async function chooseAccelerator(image) {
  if (!isUsable('/dev/kvm')) return 'tcg';
  const version = (await tool('qemu-system-x86_64', ['--version'])).split('\n')[0];
  const machine = `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${version}`;
  const known = join(cacheDirectory(), 'accelerator.json');
  const remembered = existsSync(known) ? JSON.parse(readFileSync(known, 'utf8')) : null;
  if (remembered?.machine === machine) return remembered.accelerator;
  say('trying whether KVM boots a guest here');
  const probe = await run('qemu-system-x86_64', probeArguments('kvm', image), { timeoutMs: PROBE_MS });
  const accelerator = probe.output.includes('rig: the kernel runs') ? 'kvm' : 'tcg';
  say(accelerator === 'kvm' ? 'it does' : 'it does not: guests run on an emulated processor, many times slower');
  mkdirSync(cacheDirectory(), { recursive: true });
  writeFileSync(known, `${JSON.stringify({ machine, accelerator })}\n`);
  return accelerator;
}

function isUsable(device) {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
