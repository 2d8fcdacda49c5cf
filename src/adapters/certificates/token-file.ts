/** A token ledger in one synced file: for the node that issues, when no other node does. */
import { SnapcommitError } from '../../errors.js';
import { readIfPresent, writeDurably } from '../../native/durable-file.js';
import type { Clock } from '../../ports/clock.js';
import type { TokenLedger, TokenRecord } from '../../ports/token-ledger.js';
import { literal, list, natural, nullable, object, oneOf, text } from '../../wire/shape.js';

type Kept = TokenRecord & { readonly used: boolean };

interface File {
  readonly format: string;
  readonly tokens: readonly (Omit<Kept, 'used'> & { readonly used: 'yes' | 'no' })[];
}

const fileShape = object<File>({
  format: literal('snapcommit-tokens-1'),
  tokens: list(
    object<File['tokens'][number]>({
      hash: text,
      expiresAt: natural,
      node: nullable(text),
      used: oneOf(['yes', 'no']),
    }),
  ),
});

/** Expired tokens are kept this long, so that who shows one hears that it has expired, and not that it is unknown. */
const MEMORY_MS = 7 * 86_400_000;

/** @throws SnapcommitError STATE_DIRECTORY_INVALID when the file is not ours. */
export async function openTokenFile(path: string, clock: Clock): Promise<TokenLedger> {
  const tokens = await read(path);
  let turn = Promise.resolve();
  /** One change after the other; what is not durable has not happened. */
  const change = async (apply: (next: Map<string, Kept>) => boolean): Promise<boolean> => {
    const work = turn.then(async () => {
      const next = new Map([...tokens].filter(([, { expiresAt }]) => clock.now() < expiresAt + MEMORY_MS));
      if (!apply(next)) return false;
      await write(path, next);
      tokens.clear();
      for (const [hash, token] of next) tokens.set(hash, token);
      return true;
    });
    turn = work.then(
      () => undefined,
      () => undefined,
    );
    return work;
  };
  return {
    async add({ hash, expiresAt, node }) {
      await change((next) => next.set(hash, { hash, expiresAt, node, used: false }) === next);
    },
    find: async (hash) => Promise.resolve(tokens.get(hash) ?? null),
    consume: async (hash) =>
      change((next) => {
        const token = next.get(hash);
        if (token === undefined || token.used) return false;
        next.set(hash, { ...token, used: true });
        return true;
      }),
  };
}

async function read(path: string): Promise<Map<string, Kept>> {
  const content = await readIfPresent(path);
  if (content === null) return new Map();
  try {
    const { tokens } = fileShape(JSON.parse(content), path);
    return new Map(tokens.map((token) => [token.hash, { ...token, used: token.used === 'yes' }]));
  } catch (error) {
    throw new SnapcommitError('STATE_DIRECTORY_INVALID', `${path} is not a list of join tokens`, { path }, error);
  }
}

async function write(path: string, tokens: ReadonlyMap<string, Kept>): Promise<void> {
  const kept: File['tokens'] = [...tokens.values()].map((token) => ({ ...token, used: token.used ? 'yes' : 'no' }));
  await writeDurably(path, `${JSON.stringify({ format: 'snapcommit-tokens-1', tokens: kept }, null, 2)}\n`);
}
