/**
 * How long the others need when a coordinator's machine (command and daemon) dies by SIGKILL: until an undecided transaction
 * is decided, as another host's reads show it; and until a decided one is published, as it stands on the disks.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openNode } from '#src/index.js';
import { atMost, type Row } from './bench-table.js';
import type { Fleet } from './fleet.js';
import type { Host } from './host.js';
import { publishedOn } from './check-fleet.js';
import { COMMIT } from './trial.js';

const PATIENCE_MS = 30_000;

export async function measureDecisions(fleet: Fleet, rounds: number): Promise<readonly Row[]> {
  const plain: number[] = [];
  const withLeader: number[] = [];
  const others: number[] = [];
  const returned: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const leader = await fleet.leader(fleet.host(0));
    plain.push(await undecided(fleet, fleet.others(leader)[round % 2] ?? leader));
    withLeader.push(await undecided(fleet, await fleet.leader(fleet.host(0))));
    const times = await decided(fleet, fleet.others(await fleet.leader(fleet.host(0)))[round % 2] ?? leader);
    others.push(times.othersMs);
    returned.push(times.returnedMs);
  }
  return [
    atMost('undecided, coordinator’s machine dead: decided', plain, 3_000),
    atMost('the same, and it led the log', withLeader, 5_000),
    atMost('decided, coordinator’s machine dead: published by the others', others, 2_000),
    atMost('and by itself, from when its daemon serves again', returned, 2_000),
  ];
}

async function undecided(fleet: Fleet, victim: Host): Promise<number> {
  await fleet.together();
  const running = await victim.startStopped(COMMIT, 'commit.before');
  const [other = victim] = fleet.others(victim);
  const began = performance.now();
  await victim.kill();
  await running.done;
  const node = await openNode({ stateDirectory: other.stateDirectory });
  try {
    await soon('it is decided', async () => {
      const { groups } = await node.status();
      return groups.every(({ open }) => open === null);
    });
  } finally {
    node.close();
  }
  const took = performance.now() - began;
  await victim.restart();
  return took;
}

async function decided(
  fleet: Fleet,
  victim: Host,
): Promise<{ readonly othersMs: number; readonly returnedMs: number }> {
  await fleet.together();
  const wanted = (publishedOn(victim.volumes[0]?.publish ?? '').at(-1) ?? 0) + 1;
  const stands = ({ volumes }: Host): boolean =>
    volumes.every(({ publish }) => existsSync(join(publish, `app@${String(wanted)}`)));
  const running = victim.start(COMMIT, { SNAPCOMMIT_CRASH_AT: 'commit.after' });
  await running.done;
  const began = performance.now();
  await victim.kill();
  await soon('the others have published', async () => fleet.others(victim).every(stands));
  const othersMs = performance.now() - began;
  await victim.restart();
  const serves = performance.now();
  await soon('it has published, too', async () => stands(victim));
  return { othersMs, returnedMs: performance.now() - serves };
}

async function soon(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    // While a leader is elected a read may fail: asked again.
    if (await condition().catch(() => false)) return;
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await sleep(5);
  }
}
