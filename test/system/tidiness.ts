/** What may be left when everything works again and nobody does anything: what the log holds, and nothing else. */
import { join } from 'node:path';
import type { State } from '#src/machine/state.js';
import { isLive } from '#src/machine/queries.js';
import { parsePublished } from '#src/participant/names.js';
import { STATE_DIRECTORY, type Machine } from './machine.js';
import type { PlacedVolume } from './world-options.js';

/** In words; empty: all is tidy. */
export function leftovers(machine: Machine, volumes: readonly PlacedVolume[], state: State): readonly string[] {
  const found: string[] = [];
  const say = (what: string): void => {
    found.push(`${machine.name}: ${what}`);
  };
  for (const transaction of Object.keys(state.open)) say(`transaction ${transaction} is open`);
  for (const [key, { nodes }] of Object.entries(state.pending))
    if (nodes.includes(machine.name)) say(`${key} is not published`);
  for (const { cgroup } of machine.freezer.frozen()) say(`${cgroup} is frozen`);
  for (const { id } of machine.freezer.intents()) say(`the intent ${id} is left`);
  for (const lock of machine.kernel.heldNames()) say(`the lock ${lock} is held`);
  const debts = machine.files.peek(join(STATE_DIRECTORY, 'owed'));
  if (Array.isArray(debts)) for (const debt of debts) say(`${String(debt)} is owed`);
  for (const { name: volume, node, source, publishDirectory } of volumes) {
    if (node !== machine.name) continue;
    const image = machine.driver.world.image(source);
    if (image.live.readOnly) say(`the live tree of ${volume} is read-only`);
    const files = machine.files.peek(publishDirectory);
    for (const name of [...image.entries.keys(), ...(Array.isArray(files) ? (files as readonly string[]) : [])])
      if (!isExpected(name, state)) say(`${volume} still holds ${name}`);
  }
  for (const { record } of Object.values(state.groups))
    for (const what of notShown(machine, volumes, state, record.name)) say(what);
  return found;
}

/** Of the newest generation, which everybody has published: its names here, and the view of it, as a power loss would leave them. */
function notShown(machine: Machine, volumes: readonly PlacedVolume[], state: State, group: string): readonly string[] {
  const mine = volumes.filter(({ node }) => node === machine.name);
  const newest = `${group}@${String(state.groups[group]?.newest ?? 0)}`;
  if (mine.length === 0 || newest.endsWith('@0')) return [];
  const shown = machine.files.peek(join(STATE_DIRECTORY, 'views', group, 'current'));
  return [
    ...(shown === newest ? [] : [`the view shows ${String(shown)}, not ${newest}`]),
    ...mine
      .filter(({ source }) => !machine.driver.world.durableImage(source).entries.has(newest))
      .map(({ name }) => `${newest} of ${name} is not there for good`),
  ];
}

function isExpected(name: string, state: State): boolean {
  if (name === '.stamp' || name === '.source' || name.endsWith('@current')) return true;
  const published = parsePublished(name);
  return published !== null && isLive(state, published.group, published.generation);
}
