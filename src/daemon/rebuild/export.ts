/**
 * The document of `log export`, written and read back. Format: `format`, `identity` (cluster, node, incarnation), `state`
 * (machine/state.ts), `generations` (every live generation's record) and `digest`, the SHA-256 (hex) of the other four
 * as JSON with the keys of every object sorted by code unit and no blanks.
 */
import { SnapcommitError } from '../../errors.js';
import { generationShape } from '../../log/entry-shape.js';
import { list, natural, plain, text } from '../../wire/shape.js';
import { digestOf } from '../../machine/digest.js';
import { lookup } from '../../machine/record.js';
import { countRuns } from '../../machine/runs.js';
import { emptyState, type State } from '../../machine/state.js';
import type { ReplicatedLog } from '../../ports/log.js';
import type { LogExport } from './found.js';

const FORMAT = 'snapcommit-log-export-1';

export interface ExportDocument extends LogExport {
  readonly format: typeof FORMAT;
  readonly digest: string;
}

/** Everything that the log holds, to be kept elsewhere. */
export async function exportLog(log: ReplicatedLog): Promise<ExportDocument> {
  const state = await log.read();
  const groups = Object.keys(state.groups).sort();
  const generations = await Promise.all(groups.map(async (group) => log.generations(group)));
  return exportDocument({ identity: log.identity, state, generations: generations.flat() });
}

export function exportDocument({ identity, state, generations }: LogExport): ExportDocument {
  const content = { format: FORMAT, identity, state, generations } as const;
  return { ...content, digest: digestOf(content) };
}

/** @throws USAGE when `json` is no export, LOG_CORRUPT when it is not as it was written. */
export function parseExport(json: string, file: string): LogExport {
  let document: Readonly<Record<string, unknown>>;
  try {
    document = plain(JSON.parse(json), 'export');
  } catch (cause) {
    throw new SnapcommitError('USAGE', `${file} is no document of \`snapcommit log export\`.`, { file }, cause);
  }
  const { digest, ...content } = document;
  if (content['format'] !== FORMAT) {
    const message = `${file} is no document of \`snapcommit log export\` (its format is ${JSON.stringify(content['format'] ?? null)}).`;
    throw new SnapcommitError('USAGE', message, { file });
  }
  if (digest !== digestOf(content)) throw damaged(file, 'its digest is not that of its content');
  try {
    return parseContent(content);
  } catch (cause) {
    throw damaged(file, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** The digest has told that nobody changed it since; the outline is checked so that an odd one fails by name. */
function parseContent(content: Readonly<Record<string, unknown>>): LogExport {
  const identity = plain(content['identity'], 'identity');
  const state = { ...emptyState(1), ...plain(content['state'], 'state') } as State;
  natural(state.incarnation, 'state.incarnation');
  natural(state.applied, 'state.applied');
  const generations = list(generationShape)(content['generations'], 'generations');
  for (const name of Object.keys(state.groups)) {
    const found = generations.filter(({ group }) => group === name).length;
    const live = countRuns(lookup(state.groups, name)?.live ?? []);
    if (found !== live)
      throw new TypeError(`group ${name} has ${String(live)} generations and ${String(found)} records`);
  }
  return {
    identity: {
      cluster: text(identity['cluster'], 'identity.cluster'),
      node: text(identity['node'], 'identity.node'),
      incarnation: natural(identity['incarnation'], 'identity.incarnation'),
    },
    state,
    generations,
  };
}

function damaged(file: string, what: string, cause?: unknown): SnapcommitError {
  return new SnapcommitError(
    'LOG_CORRUPT',
    `the export ${file} is damaged: ${what}. Take another copy.`,
    { file },
    cause,
  );
}
