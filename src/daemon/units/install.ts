/**
 * `snapcommit install-units`: puts the units into systemd's directory, or takes them away. Everything is looked at before
 * anything is changed; each file is replaced whole; doing it twice is doing it once. A unit that a person has changed is
 * left alone, unless we are told to overwrite it.
 */
import { join } from 'node:path';
import { createCommandRunner } from '../../adapters/command-runner/index.js';
import { SnapcommitError } from '../../errors.js';
import type { CommandRunner } from '../../ports/commands.js';
import { makeUnitDirectory, readUnit, removeUnit, writeUnit } from './files.js';
import { judge, type Judgement } from './mark.js';
import { readNode, type NodeFacts } from './node-facts.js';
import { isWritable } from './quote.js';
import { DAEMON_UNIT, ORDERED_UNITS, RECOVER_UNIT, renderUnits, UNIT_NAMES } from './render.js';
import type { InstallUnitsRequest, UnitReport, UnitsReport } from './reports.js';
import { systemdOf, type Systemd } from './systemd.js';

interface Found {
  readonly unit: string;
  readonly path: string;
  /** null: it shall not be there. */
  readonly wanted: string | null;
  readonly judgement: Judgement;
}

/** @throws EXISTS when a unit was changed by somebody else, DENIED without the right to write there. */
export async function installUnits(
  request: InstallUnitsRequest,
  runner: CommandRunner = createCommandRunner(),
): Promise<UnitsReport> {
  const systemd = systemdOf(request.root, runner);
  return request.remove ? remove(request, systemd) : install(request, systemd);
}

async function install(request: InstallUnitsRequest, systemd: Systemd): Promise<UnitsReport> {
  const { stateDirectory, program, dryRun } = request;
  for (const path of [stateDirectory, ...program]) assertWritable(path);
  const facts = await readNode(stateDirectory);
  if (request.enable && facts.mode === null)
    throw new SnapcommitError(
      'STATE_NOT_FOUND',
      `there is no log in ${stateDirectory} that a unit could recover; make one with \`snapcommit init\`, or leave out --enable.`,
      { stateDirectory },
    );
  const units = renderUnits({ stateDirectory, program, declared: facts.declared });
  const found = await look(systemd.unitDirectory, units);
  assertUnchanged(found, request.overwrite);
  const toWrite = found.filter((one) => one.judgement !== 'same' && !(facts.isIncomplete && isOrdered(one)));
  const enabled = request.enable ? unitsToEnable(facts) : [];
  if (!dryRun) {
    await makeUnitDirectory(systemd.unitDirectory);
    for (const { path, wanted } of toWrite) await writeUnit(path, wanted ?? '');
    if (toWrite.length > 0) await systemd.reload();
    if (enabled.length > 0) await systemd.enable(enabled);
  }
  return {
    unitDirectory: systemd.unitDirectory,
    dryRun,
    units: found.map((one) => reportOf(one, toWrite.includes(one), dryRun)),
    enabled,
    warnings: facts.warnings,
  };
}

async function remove(request: InstallUnitsRequest, systemd: Systemd): Promise<UnitsReport> {
  const { dryRun } = request;
  const found = await look(
    systemd.unitDirectory,
    UNIT_NAMES.map((name) => ({ name, content: null })),
  );
  assertUnchanged(found, request.overwrite);
  const standing = found.filter(({ judgement }) => judgement !== 'missing');
  if (!dryRun && standing.length > 0) {
    // First: what is disabled without its file is not found.
    await systemd.disable(standing.map(({ unit }) => unit));
    for (const { path } of standing) await removeUnit(path);
    await systemd.reload();
  }
  return {
    unitDirectory: systemd.unitDirectory,
    dryRun,
    units: found.map((one) => ({
      unit: one.unit,
      path: one.path,
      action: one.judgement === 'missing' ? 'missing' : 'removed',
    })),
    enabled: [],
    warnings: [],
  };
}

async function look(
  directory: string,
  units: readonly { readonly name: string; readonly content: string | null }[],
): Promise<readonly Found[]> {
  return Promise.all(
    units.map(async ({ name, content }) => {
      const path = join(directory, name);
      return { unit: name, path, wanted: content, judgement: judge(await readUnit(path), content) };
    }),
  );
}

function assertUnchanged(found: readonly Found[], overwrite: boolean): void {
  const changed = found.filter(({ judgement }) => judgement === 'changed').map(({ path }) => path);
  if (changed.length === 0 || overwrite) return;
  throw new SnapcommitError(
    'EXISTS',
    `${changed.join(', ')} ${changed.length === 1 ? 'is' : 'are'} not as we wrote it, so nothing was changed. Put what you want ` +
      'into a drop-in (`systemctl edit UNIT`), which stays; then say --overwrite.',
    { paths: changed },
  );
}

/** With what could not be read, these would forget what they are ordered around. */
function isOrdered({ unit, judgement }: Found): boolean {
  return ORDERED_UNITS.includes(unit) && judgement === 'ours';
}

/** The daemon of a cluster's member; on a machine by itself there is none. */
function unitsToEnable({ mode }: NodeFacts): readonly string[] {
  return mode === 'embedded' ? [RECOVER_UNIT] : [RECOVER_UNIT, DAEMON_UNIT];
}

function reportOf({ unit, path, wanted, judgement }: Found, isWritten: boolean, dryRun: boolean): UnitReport {
  const action = !isWritten ? 'unchanged' : judgement === 'missing' ? 'written' : 'replaced';
  return { unit, path, action, ...(dryRun && wanted !== null && { content: wanted }) };
}

function assertWritable(path: string): void {
  if (isWritable(path)) return;
  throw new SnapcommitError(
    'USAGE',
    `a unit cannot name the path ${JSON.stringify(path)}: it holds a quote, a backslash or a control character.`,
    { path },
  );
}
