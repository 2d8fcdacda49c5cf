/** `snapcommit cluster token`: a secret that lets one node join. It goes to stdout or into a file, and nowhere else. */
import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { SnapcommitError } from '../../errors.js';
import type { CommandModule } from '../command.js';
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
  async run({ options, openCluster, io }) {
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
    const issued = await keepSecret(file, issue);
    const told = { file, expiresAt: issued.expiresAt, node: issued.node };
    return {
      json: told,
      text: () => `The token is in ${file}. It is good for one node until ${shortTime(issued.expiresAt)}.\n`,
    };
  },
};

/** The file first: a token that could be kept nowhere would be good all the same, until it expires. */
async function keepSecret<T extends { readonly token: string }>(file: string, issue: () => Promise<T>): Promise<T> {
  const descriptor = openNew(file);
  try {
    const issued = await issue();
    writeSync(descriptor, `${issued.token}\n`);
    fsyncSync(descriptor);
    return issued;
  } catch (error) {
    unlinkSync(file);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function openNew(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    throw new SnapcommitError('EXISTS', `${file} is there already; name a new file.`, { path: file }, error);
  }
}
