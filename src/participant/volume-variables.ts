/** The environment variables that tell a user's command where its trees are: SNAPCOMMIT_VOLUME_<NAME>. PURE. */
import { SnapcommitError } from '../errors.js';

export interface PlacedTree {
  readonly volume: string;
  readonly path: string;
}

/** One variable a volume. USAGE when two names give the same variable (`a-b` and `a.b`): one would hide the other. */
export function volumeVariables(trees: readonly PlacedTree[]): Readonly<Record<string, string>> {
  const variables = new Map<string, PlacedTree>();
  for (const tree of trees) {
    const name = `SNAPCOMMIT_VOLUME_${tree.volume.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
    const other = variables.get(name);
    if (other !== undefined) {
      throw new SnapcommitError(
        'USAGE',
        `volumes ${other.volume} and ${tree.volume} would share the variable ${name}; give one of them another name.`,
        { volumes: [other.volume, tree.volume], variable: name },
      );
    }
    variables.set(name, tree);
  }
  return Object.fromEntries([...variables].map(([name, { path }]) => [name, path]));
}
