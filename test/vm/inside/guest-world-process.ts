/**
 * What the power-loss suite has done inside its guest. `make`: the world. `stop OPERATION POINT`: begins the operation, says
 * `stopped MARKERS` when it stands at the point, and waits for the power to go; `end OPERATION`: says so when it is done.
 * `check MARKERS`: prints everything that is wrong, as a JSON list; MARKERS is a JSON list of what live trees may show.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { OPERATIONS } from '../../crash/operations.js';
import { problemsOf, published } from '../../support/check-world.js';
import { isStopped } from '../../support/power-loss.js';
import { tool } from '../../support/world.js';
import { guestWorld, makeGuestWorld } from './guest-world.js';

const [act, first = '', second = ''] = process.argv.slice(2);

if (act === 'make') await makeGuestWorld();
else if (act === 'stop') await stopAt(first, second);
else if (act === 'end') await endOf(first);
else say(JSON.stringify(await problemsAfterBoot(JSON.parse(first) as string[])));

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function prepare(name: string): Promise<{ args: readonly string[]; markers: string }> {
  const operation = OPERATIONS.find((each) => each.name === name);
  if (operation === undefined) throw new Error(`no operation ${name}`);
  const { args, allowed } = await operation.prepare(guestWorld);
  const markers = JSON.stringify([...allowed, ...guestWorld.liveMarkers()]);
  // What the test itself wrote must not be what is lost.
  guestWorld.sync();
  return { args, markers };
}

async function stopAt(name: string, point: string): Promise<void> {
  const { args, markers } = await prepare(name);
  const { child, done } = guestWorld.start(args, { env: { SNAPCOMMIT_STOP_AT: point } });
  while (child.exitCode === null && !isStopped(child.pid)) await sleep(20);
  if (child.exitCode !== null) {
    const { stdout, stderr } = await done;
    throw new Error(`${name} did not pass ${point}: ${stdout}${stderr}`);
  }
  say(`stopped ${markers}`);
  // The power goes now.
  await sleep(600_000);
}

async function endOf(name: string): Promise<void> {
  const { args, markers } = await prepare(name);
  const result = await guestWorld.cli(args);
  if (result.status !== 0) throw new Error(`${name}: ${result.stdout}${result.stderr}`);
  const newest = Math.max(...published(guestWorld));
  say(
    `stopped ${JSON.stringify([...(JSON.parse(markers) as string[]), ...guestWorld.liveMarkers()])} ${String(newest)}`,
  );
  await sleep(600_000);
}

/** The boot's own recovery has run, and left nothing to do. */
async function problemsAfterBoot(allowed: readonly string[]): Promise<readonly string[]> {
  const unit = 'snapcommit-recover.service';
  const state = tool('systemctl', 'show', '--property=ActiveState,Result', '--value', unit)
    .trim()
    .split('\n')
    .sort()
    .join();
  const journal =
    state === 'active,success' ? [] : [`${unit} is ${state}: ${tool('journalctl', '-b', '-u', unit, '--no-pager')}`];
  return [...journal, ...(await problemsOf(guestWorld, allowed))];
}
