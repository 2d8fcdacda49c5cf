/** The options that describe a group, for create and update. Hooks come in the order in which they are given. */
import type { Command } from 'commander';
import { CGROUP_LAW, isUnitName, parseCgroupTarget, parseUnitTarget, UNIT_LAW, type GroupRecord } from '../index.js';
import type { Invocation } from './command.js';
import { usage } from './failure.js';
import { durationOf, gradeOf, listOf, nameOf, pathOf } from './input.js';

export type GroupChange = Partial<Omit<GroupRecord, 'name'>>;

export function defineGroupOptions(command: Command): void {
  const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  command
    .option('--volume <NAME...>', 'the volumes that are committed as one')
    .option(
      '--freeze-cgroup <PATH...>',
      'cgroups whose processes stand still during the cut: [NODE:]PATH, such as /app/writers',
    )
    .option('--freeze-unit <UNIT...>', 'systemd units whose processes stand still during the cut: [NODE:]UNIT')
    .option('--stop-unit <UNIT...>', 'systemd units that are stopped around a swap (transact, restore)')
    .option('--require <GRADE>', 'the least that a commit must reach: fuzzy, independent, barrier, application; any')
    .option('--stall-limit <DURATION>', 'how long writers may stand still (default: 5s)')
    .option('--pre-hook <FILE>', 'run this before the cut; may be repeated', collect)
    .option('--post-hook <FILE>', 'run this after the cut, at least once; may be repeated', collect);
}

/** Only what was given; a list that was given empty (`''`) is empty. */
export function readGroupChange({ options, io }: Invocation): GroupChange {
  const volumes = listOf(options.list('volume'))?.map((name) => nameOf('volume', name));
  const freezeCgroups = listOf(options.list('freezeCgroup'))?.map((path) => cgroupOf(path));
  const freezeUnits = listOf(options.list('freezeUnit'))?.map((unit) => freezeUnitOf(unit));
  const stopUnits = listOf(options.list('stopUnit'))?.map((unit) => unitOf(unit));
  const preHooks = listOf(options.list('preHook'))?.map((file) => pathOf('--pre-hook', file, io.cwd));
  const postHooks = listOf(options.list('postHook'))?.map((file) => pathOf('--post-hook', file, io.cwd));
  const require = options.text('require');
  const stallLimit = options.text('stallLimit');
  return {
    ...(volumes === undefined ? {} : { volumes }),
    ...(freezeCgroups === undefined ? {} : { freezeCgroups }),
    ...(freezeUnits === undefined ? {} : { freezeUnits }),
    ...(stopUnits === undefined ? {} : { stopUnits }),
    ...(preHooks === undefined ? {} : { preHooks }),
    ...(postHooks === undefined ? {} : { postHooks }),
    ...(require === null ? {} : { require: requireOf(require) }),
    ...(stallLimit === null ? {} : { stallLimitMs: durationOf('--stall-limit', stallLimit) }),
  };
}

/** `any`, or nothing, takes the demand away. */
function requireOf(text: string): GroupRecord['require'] {
  return text === '' || text === 'any' ? null : gradeOf('--require', text);
}

/** As given: what a path means below the cgroup mount is for the freezer of its node to say. */
function cgroupOf(text: string): string {
  if (parseCgroupTarget(text) !== null) return text;
  throw usage(`--freeze-cgroup ${JSON.stringify(text)} is nothing to freeze; write ${CGROUP_LAW}.`, { value: text });
}

function freezeUnitOf(text: string): string {
  if (parseUnitTarget(text) !== null) return text;
  throw usage(`--freeze-unit ${JSON.stringify(text)} is nothing to freeze; write ${UNIT_LAW}.`, { value: text });
}

function unitOf(unit: string): string {
  if (isUnitName(unit)) return unit;
  throw usage(`${JSON.stringify(unit)} is no systemd unit's name; write one such as app.service.`, { value: unit });
}
