#!/usr/bin/env node
// Virtual machines with OpenZFS and btrfs to try things in. See scripts/vm/README.md.
//
//   node scripts/vm.mjs image [--openzfs VERSION]      build the guest's image where it is missing
//   node scripts/vm.mjs up NAME [--disk ID=MIB …] [--memory MIB] [--openzfs VERSION]
//                                                      boot a guest and keep it until SIGINT or "down"
//   node scripts/vm.mjs run NAME [--timeout S] -- COMMAND…
//   node scripts/vm.mjs cut|boot|reboot|down NAME      boot and reboot take the checkout along as it is then
//   node scripts/vm.mjs push NAME                      replaces what is built in a running guest by the checkout's
//   node scripts/vm.mjs copy-in NAME FROM TO | copy-out NAME FROM TO | console NAME
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { directoryOf, doorOf } from './vm/directories.mjs';
import { Guest, prepareRig } from './vm/guest.mjs';
import { keep, orders, tell } from './vm/keeper.mjs';
import { chooseOpenZfs } from './vm/openzfs.mjs';
import { pushProject } from './vm/push.mjs';
import { runThrough } from './vm/ssh.mjs';
import { RigError, say } from './vm/tools.mjs';

const { values, positionals } = parseArgs({
  options: {
    disk: { type: 'string', multiple: true, default: [] },
    memory: { type: 'string', default: '2048' },
    openzfs: { type: 'string' },
    timeout: { type: 'string' },
  },
  allowPositionals: true,
});
const [verb, name, ...rest] = positionals;

try {
  process.exitCode = await act();
} catch (error) {
  if (!(error instanceof RigError)) throw error;
  say(error.message);
  process.exitCode = 1;
}

async function act() {
  chooseOpenZfs(values.openzfs);
  if (verb === 'image') {
    const { image, accelerator } = await prepareRig();
    process.stdout.write(`${image.directory}\n${accelerator}\n`);
    return 0;
  }
  if (name === undefined) return usage();
  if (verb === 'up') return up();
  if (verb === 'run' && rest.length > 0) return runInside();
  if (orders.includes(verb)) return tell(name, verb).then(() => 0);
  if (verb === 'push') return pushProject(doorOf(name)).then(() => 0);
  if (verb === 'console') {
    process.stdout.write(readFileSync(join(directoryOf(name), 'console.log')));
    return 0;
  }
  if (verb === 'copy-in' && rest.length === 2) return copyIn(...rest);
  if (verb === 'copy-out' && rest.length === 2) return copyOut(...rest);
  return usage();
}

function usage() {
  const [, ...lines] = readFileSync(import.meta.filename, 'utf8').split('\n');
  const header = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('//')),
  );
  process.stderr.write(`${header.map((line) => line.replace(/^\/\/ ?/, '')).join('\n')}\n`);
  return 2;
}

async function up() {
  const dataDisks = Object.fromEntries(
    values.disk.map((text) => {
      const [id, size] = text.split('=');
      return [id, Number(size)];
    }),
  );
  const rig = await prepareRig();
  const guest = await Guest.create(rig, { name, dataDisks, memoryMiB: Number(values.memory) });
  try {
    say(
      `${name} is up after ${(await guest.boot()).toFixed(0)} s (OpenZFS ${rig.image.zfs}, ${rig.accelerator}); its console: ${guest.consoleFile}`,
    );
  } catch (error) {
    await guest.remove();
    throw error;
  }
  await keep(guest);
  return 0;
}

async function runInside() {
  const timeoutSeconds = values.timeout === undefined ? undefined : Number(values.timeout);
  const options = { inherit: true, ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) };
  return (await runThrough(doorOf(name), rest, options)).status ?? 1;
}

async function copyIn(from, to) {
  const result = await runThrough(doorOf(name), ['dd', `of=${to}`, 'status=none'], { inputFile: from });
  process.stderr.write(result.output);
  return result.status ?? 1;
}

async function copyOut(from, to) {
  const result = await runThrough(doorOf(name), ['cat', from]);
  if (result.status === 0) writeFileSync(to, result.bytes);
  else process.stderr.write(result.output);
  return result.status ?? 1;
}
