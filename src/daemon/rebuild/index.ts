/**
 * A lost log, built anew from what every publish directory keeps, and from an export where there is one. One screen:
 * read, judge, report; then, with consent, shut the lost log out, put aside what is not taken, turn the views, and only
 * then let the new log come into being, in one link.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../adapters/clock-system.js';
import { SnapcommitError } from '../../errors.js';
import { isName, nameProblem } from '../../machine/names.js';
import { sortedUnique } from '../../machine/record.js';
import { LOG_FILE, seedEmbeddedLog } from '../embedded-log.js';
import type { RebuildReport } from '../reports.js';
import { logDirectory, makeStateDirectory } from '../state-directory.js';
import { parseExport } from './export.js';
import type { FoundVolume, LogExport } from './found.js';
import { judge } from './judge.js';
import { rebuildReport } from './report.js';
import { scanDirectory, type OpenDriver } from './scan.js';
import { rebuildState } from './state.js';
import { raiseStamps, setAside, turnViews } from './take-over.js';

export interface RebuildRequest {
  readonly stateDirectory: string;
  /** What this machine is called; null: as its volumes say. */
  readonly node: string | null;
  /** What to call it where they do not. */
  readonly defaultNode: string;
  /** Publish directories, absolute. */
  readonly directories: readonly string[];
  /** A file of `log export`; null: none. */
  readonly exportFile: string | null;
  /** Without it nothing is changed, only told. */
  readonly acceptLoss: boolean;
}

export async function rebuild(request: RebuildRequest, openDriver: OpenDriver): Promise<RebuildReport> {
  const { stateDirectory } = request;
  refuseExisting(stateDirectory);
  const exported = request.exportFile === null ? null : await readExport(request.exportFile);
  const volumes = await scanAll(request, exported, openDriver);
  const cluster = onlyCluster(volumes, exported);
  const node = nodeOf(request, volumes, exported);
  const judged = judge(volumes, exported);
  const rebuilt = rebuildState(volumes, judged, exported, node, systemClock.now());
  const identity = { stateDirectory, cluster, node };
  if (!request.acceptLoss) return rebuildReport(identity, volumes, judged, rebuilt, exported, false);

  const { state, generations } = rebuilt;
  await makeStateDirectory(stateDirectory);
  await raiseStamps(volumes, { cluster, state }, openDriver);
  await setAside(volumes, state, openDriver);
  await turnViews(stateDirectory, volumes, rebuilt, openDriver);
  const { incarnation } = state;
  await seedEmbeddedLog(logDirectory(stateDirectory), { cluster, node, incarnation }, state, generations);
  return rebuildReport(identity, volumes, judged, rebuilt, exported, true);
}

function refuseExisting(stateDirectory: string): void {
  const file = join(logDirectory(stateDirectory), LOG_FILE);
  if (!existsSync(file)) return;
  const message = `there is a log already: ${file}. Use it; a rebuild is for a log that is lost for good.`;
  throw new SnapcommitError('EXISTS', message, { file });
}

async function readExport(file: string): Promise<LogExport> {
  const json = await readFile(file, 'utf8').catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SnapcommitError('USAGE', `cannot read the export ${file}: ${reason}.`, { file }, cause);
  });
  return parseExport(json, file);
}

/** The directories that were named, and those that the export has on its node. */
async function scanAll(
  { directories, node, defaultNode }: RebuildRequest,
  exported: LogExport | null,
  openDriver: OpenDriver,
): Promise<readonly FoundVolume[]> {
  const known = Object.values(exported?.state.volumes ?? {})
    .filter(({ record, forfeited }) => !forfeited && record.node === exported?.identity.node)
    .map(({ record }) => record.publishDirectory);
  const volumes: FoundVolume[] = [];
  for (const directory of sortedUnique([...known, ...directories])) {
    const found = await scanDirectory(directory, node ?? exported?.identity.node ?? defaultNode, openDriver);
    const twin = volumes.find(({ record }) => record.name === found.record.name);
    if (twin?.record.publishDirectory === found.record.publishDirectory) continue;
    if (twin !== undefined) throw twice(found, twin);
    volumes.push(found);
  }
  return volumes;
}

function twice({ record }: FoundVolume, twin: FoundVolume): SnapcommitError {
  const message = `${twin.record.publishDirectory} and ${record.publishDirectory} both say that they are volume ${record.name}'s: one is a copy. Leave it out. Nothing was changed.`;
  return new SnapcommitError('SOURCE_INVALID', message, { volume: record.name, directory: record.publishDirectory });
}

/** Directories of two logs would make one that neither was. */
function onlyCluster(volumes: readonly FoundVolume[], exported: LogExport | null): string {
  const clusters = sortedUnique([
    ...volumes.map(({ stamp }) => stamp.cluster),
    ...(exported === null ? [] : [exported.identity.cluster]),
  ]);
  const [first, ...others] = clusters;
  if (first !== undefined && others.length === 0) return first;
  if (first === undefined)
    throw new SnapcommitError('USAGE', 'nothing to rebuild a log from: name publish directories.');
  const named = volumes.map(({ record, stamp }) => `${record.publishDirectory} (cluster ${stamp.cluster})`);
  const message = `these belong to different logs: ${named.join(', ')}${exported === null ? '' : `, the export (cluster ${exported.identity.cluster})`}. Rebuild each log by itself. Nothing was changed.`;
  throw new SnapcommitError('SOURCE_MANAGED', message, { clusters });
}

/** A volume is where its manifests say: under another name nobody would publish there. */
function nodeOf(
  { node, defaultNode }: RebuildRequest,
  volumes: readonly FoundVolume[],
  exported: LogExport | null,
): string {
  const named = sortedUnique([
    ...volumes.map(({ record }) => record.node),
    ...(exported ? [exported.identity.node] : []),
  ]);
  const [first, ...others] = named;
  const chosen = node ?? first ?? defaultNode;
  if (!isName(chosen)) throw new SnapcommitError('NAME_INVALID', nameProblem('node', chosen), { node: chosen });
  if (others.length === 0 && (first ?? chosen) === chosen) return chosen;
  const message = `these publish directories belong to node ${named.join(' and ')}${node === null ? '' : `, not to ${node}`}: name those of one node, and that node with --node. Nothing was changed.`;
  throw new SnapcommitError('USAGE', message, { nodes: named, node: chosen });
}
