/** `snapcommit cluster token`: a secret that lets one node join. It goes to stdout or into a file, and nowhere else. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, lstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import type { CommandModule } from '../command.js';
import { usage } from '../failure.js';
import { durationOf, nameOf, pathOf } from '../input.js';
import { shortTime } from '../render/text.js';

const DEFAULT_LIFETIME_MS = 60 * 60_000;

export const clusterToken: CommandModule = {
  define(command) {
    command
      .option('--node <NAME>', 'only for the node of this name, also where it is in use')
      .option('--lifetime <DURATION>', 'how long it may be used (default: 1h)')
      .option('--out <FILE>', 'write it to a new file that only its owner may read, instead of to stdout');
  },
  async run({ options, openCluster, io, signal }) {
    const node = options.text('node');
    const lifetime = options.text('lifetime');
    const out = options.text('out');
    const file = out === null ? null : pathOf('--out', out, io.cwd);
    const wish = {
      node: node === null ? null : nameOf('node', node),
      lifetimeMs: lifetime === null ? DEFAULT_LIFETIME_MS : durationOf('--lifetime', lifetime),
    };
    const issue = async () => (await openCluster()).issueToken(wish);
    if (file === null) {
      const printed = await issue();
      return { json: printed, text: () => `${printed.token}\n` };
    }
    const issued = await keepSecret(file, signal, issue);
    const told = { file, expiresAt: issued.expiresAt, node: issued.node };
    return {
      json: told,
      text: () => `The token is in ${file}. It is good for one node until ${shortTime(issued.expiresAt)}.\n`,
    };
  },
};

/**
 * Something to write to first: a token that could be kept nowhere would be good all the same, until it expires. It gets its
 * name when the token is in it, so that an interruption leaves nothing there which is none.
 */
async function keepSecret<T extends { readonly token: string }>(
  file: string,
  signal: AbortSignal,
  issue: () => Promise<T>,
): Promise<T> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const descriptor = openDraft(file, draft);
  const discard = (): void => {
    rmSync(draft, { force: true });
  };
  signal.addEventListener('abort', discard, { once: true });
  try {
    const issued = await issue();
    writeSync(descriptor, `${issued.token}\n`);
    fsyncSync(descriptor);
    putInPlace(draft, file);
    return issued;
  } finally {
    signal.removeEventListener('abort', discard);
    discard();
    closeSync(descriptor);
  }
}

function openDraft(file: string, draft: string): number {
  try {
    if (lstatSync(file, { throwIfNoEntry: false }) !== undefined) throw taken(file);
    return openSync(draft, 'wx', 0o600);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw usage(`--out ${file}: ${dirname(file)} is no directory; make it first, or name a file elsewhere.`, {
      option: '--out',
      path: file,
    });
  }
}

/** Over nothing that came meanwhile, where the filesystem has links (FAT has none). */
function putInPlace(draft: string, file: string): void {
  try {
    linkSync(draft, file);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw taken(file);
    renameSync(draft, file);
  }
}

function taken(file: string): SnapcommitError {
  return new SnapcommitError('EXISTS', `${file} is there already; name a new file.`, { path: file });
}

function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
