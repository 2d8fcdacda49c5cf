/**
 * Power loss, played on the images beneath the loop devices: what a device holds at that moment is all that is left.
 * Never the files inside: a copy through the filesystem contains what was never synced.
 */
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningCli } from './run-cli.js';
import { until } from './until.js';
import { tool, type World } from './world.js';

interface Disk {
  readonly image: string;
  readonly mount: string;
}

function disksOf(world: World): readonly Disk[] {
  const volumes = world.volumes.map(({ image, mount }) => ({ image, mount }));
  const state = world.stateImage === null ? [] : [{ image: world.stateImage, mount: join(world.directory, 'state') }];
  return [...volumes, ...state];
}

/** What every disk holds now. */
export function copyImages(world: World): void {
  for (const { image } of disksOf(world)) tool('cp', '--sparse=always', '--reflink=auto', image, `${image}.copy`);
}

/** Puts the copies in place of the disks, as the machine would find them after the power came back. */
export function mountCopies(world: World): void {
  world.unmount();
  for (const { image, mount } of disksOf(world)) {
    renameSync(`${image}.copy`, image);
    world.mount(image, mount);
  }
}

/** Cuts the power now: everything that was not synced is gone. No process may be using the world. */
export function cutPower(world: World): void {
  copyImages(world);
  mountCopies(world);
}

/**
 * Waits until the command has stopped itself (SNAPCOMMIT_STOP_AT) and cuts the power under it. False when it ran to its
 * end without passing the point.
 */
export async function cutPowerUnder(world: World, running: RunningCli): Promise<boolean> {
  const { child } = running;
  await until(
    'the command stops or ends',
    () => child.exitCode !== null || child.signalCode !== null || isStopped(child.pid),
  );
  if (child.exitCode !== null || child.signalCode !== null) return false;
  copyImages(world);
  child.kill('SIGKILL');
  await running.done;
  await until('nobody is left of it', () => world.cgroup?.requested() !== true);
  mountCopies(world);
  return true;
}

export function isStopped(pid: number | undefined): boolean {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'T';
  } catch {
    return false;
  }
}
