/** What goes wrong while clients work: one fault after another, each for a moment, picked by the seed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from './member.js';
import type { Cut, Network } from './network.js';

export interface Faulty {
  readonly members: readonly Member[];
  readonly network: Network;
  readonly below: (bound: number) => number;
}

/** Does its harm, and answers what takes it back. */
type Fault = (world: Faulty, victim: Member) => Promise<() => Promise<void>>;

async function killed({ below }: Faulty, victim: Member): Promise<() => Promise<void>> {
  await victim.kill();
  // Now and then it comes back with a clock that is off.
  const offset = below(3) === 0 ? below(90) - 30 : 0;
  return async () => {
    victim.start(offset);
    await victim.serves();
  };
}

async function paused(_: Faulty, victim: Member): Promise<() => Promise<void>> {
  victim.pause();
  return async () => {
    victim.resume();
  };
}

async function diskFull(_: Faulty, victim: Member): Promise<() => Promise<void>> {
  victim.disk.fill();
  return async () => {
    victim.disk.relieve();
  };
}

function partition(cutsOf: (others: readonly number[], victim: number) => readonly Cut[]): Fault {
  return async ({ network, members }, { number }) => {
    network.cut(
      cutsOf(
        members.map((member) => member.number).filter((other) => other !== number),
        number,
      ),
    );
    return async () => {
      network.cut([]);
    };
  };
}

export const FAULTS: Readonly<Record<string, Fault>> = {
  killed,
  paused,
  diskFull,
  isolated: partition((others, victim) =>
    others.flatMap((other) => [
      { from: victim, to: other },
      { from: other, to: victim },
    ]),
  ),
  deaf: partition((others, victim) => others.map((other) => ({ from: other, to: victim }))),
  mute: partition((others, victim) => others.map((other) => ({ from: victim, to: other }))),
  // Everybody reaches somebody, and two do not reach each other (P9).
  apart: partition((others, victim) =>
    others.slice(0, 1).flatMap((other) => [
      { from: victim, to: other },
      { from: other, to: victim },
    ]),
  ),
};

/** Until told to stop; answers how often each fault fired. */
export async function wreak(world: Faulty, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const fired = new Map<string, number>();
  const names = Object.keys(FAULTS);
  const { members, below } = world;
  while (!signal.aborted) {
    await sleep(300 + below(1_200));
    const name = names[below(names.length)] ?? 'killed';
    const victim = members[below(members.length)];
    const fault = FAULTS[name];
    if (victim === undefined || fault === undefined) continue;
    const undo = await fault(world, victim);
    fired.set(name, (fired.get(name) ?? 0) + 1);
    await sleep(300 + below(3_000));
    await undo();
    await revive(members);
  }
  return fired;
}

/** A daemon that a fault ended (a failed sync, say) is started again, as the service manager would. */
async function revive(members: readonly Member[]): Promise<void> {
  for (const member of members) {
    if (member.isRunning) continue;
    member.start();
    await member.serves();
  }
}
