/** The invariants of src/machine/apply.ts, checked from outside over a whole state. Answers what is wrong. */
import { parseGenerationKey } from '#src/machine/keys.js';
import type { GroupState, Run, State } from '#src/machine/state.js';

export function violations(state: State): readonly string[] {
  return [...groupViolations(state), ...lockViolations(state), ...useViolations(state), ...waitViolations(state)];
}

function numbers(runs: readonly Run[]): ReadonlySet<number> {
  const found = new Set<number>();
  for (const [first, last] of runs) for (let n = first; n <= last; n += 1) found.add(n);
  return found;
}

function isCanonical(runs: readonly Run[]): boolean {
  return runs.every(([first, last], i) => first <= last && first > (runs[i - 1]?.[1] ?? -1) + 1);
}

function groupViolations(state: State): readonly string[] {
  return Object.entries(state.groups).flatMap(([name, group]) => [
    ...runViolations(name, group),
    ...(name in state.retiredNewest && Object.hasOwn(state.retiredNewest, name)
      ? [`M2 ${name} lives and is retired`]
      : []),
    ...group.record.volumes
      .filter((volume) => !Object.hasOwn(state.volumes, volume) || state.volumes[volume]?.forfeited === true)
      .map((volume) => `M4 ${name} has no usable volume ${volume}`),
  ]);
}

function runViolations(name: string, group: GroupState): readonly string[] {
  const live = numbers(group.live);
  const parts: readonly (readonly [string, readonly Run[]])[] = [
    ['live', group.live],
    ['incomplete', group.incomplete],
    ...Object.entries(group.contents),
  ];
  const held = new Set(Object.values(group.contents).flatMap((runs) => [...numbers(runs)]));
  return [
    ...parts.filter(([, runs]) => !isCanonical(runs)).map(([what]) => `M3 ${name} ${what} is not in form`),
    ...parts
      .filter(([, runs]) => [...numbers(runs)].some((n) => !live.has(n) || n > group.newest))
      .map(([what]) => `M3 ${name} ${what} names what is not live`),
    ...(held.size === live.size ? [] : [`M3 ${name} has a generation without contents`]),
  ];
}

function lockViolations(state: State): readonly string[] {
  const taken = new Set<string>();
  const wrong: string[] = [];
  for (const { begin } of Object.values(state.open)) {
    if (!Object.hasOwn(state.groups, begin.group)) wrong.push(`M4 ${begin.transaction} has no group`);
    for (const { volume } of begin.members) {
      if (taken.has(volume)) wrong.push(`M4 ${volume} is taken twice`);
      if (!Object.hasOwn(state.volumes, volume)) wrong.push(`M4 ${volume} is gone`);
      taken.add(volume);
    }
    if (state.finished.some((finished) => finished.transaction === begin.transaction)) {
      wrong.push(`M5 ${begin.transaction} is open and decided`);
    }
  }
  return wrong;
}

function waitViolations(state: State): readonly string[] {
  return Object.entries(state.pending).flatMap(([key, { record, nodes }]) =>
    nodes
      .filter((node) => !record.manifest.volumes.some(({ volume }) => isThere(state, volume, node)))
      .map((node) => `M9 ${key} waits for ${node}, which has nothing of it`),
  );
}

function isThere({ volumes }: State, volume: string, node: string): boolean {
  const found = Object.hasOwn(volumes, volume) ? volumes[volume] : undefined;
  return found !== undefined && !found.forfeited && found.record.node === node;
}

function useViolations(state: State): readonly string[] {
  const uses = [
    ...[...Object.keys(state.holds), ...Object.keys(state.pending)].map((key) => parseGenerationKey(key)),
    ...Object.values(state.pins),
    ...Object.values(state.open).flatMap(({ begin }) =>
      begin.sourceGeneration === null ? [] : [{ group: begin.group, generation: begin.sourceGeneration }],
    ),
  ];
  return uses.flatMap((use) => {
    if (use === null) return ['M7 a key names no generation'];
    const live = Object.hasOwn(state.groups, use.group) ? state.groups[use.group]?.live : undefined;
    return live !== undefined && numbers(live).has(use.generation)
      ? []
      : [`M7 ${use.group}@${String(use.generation)} is in use and not live`];
  });
}
