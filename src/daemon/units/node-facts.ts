/** What this machine's log says that units need. A log that cannot be read now is no reason to go without units. */
import { SnapcommitError } from '../../errors.js';
import { openNode } from '../compose.js';
import { readStoreIdentity } from '../open-log.js';
import { assertOurs } from '../state-directory.js';
import { declaredOn, NOTHING_DECLARED, type Declared } from './declared.js';

export interface NodeFacts {
  /** null: there is no log. */
  readonly mode: 'embedded' | 'cluster' | null;
  readonly declared: Declared;
  /** The log is there, and could not be read: `declared` says nothing. */
  readonly isIncomplete: boolean;
  /** Sentences. */
  readonly warnings: readonly string[];
}

export async function readNode(stateDirectory: string): Promise<NodeFacts> {
  try {
    await assertOurs(stateDirectory);
    const { mode, node } = await readStoreIdentity(stateDirectory);
    return { mode, ...(await readDeclared(stateDirectory, node)) };
  } catch (error) {
    if (!(error instanceof SnapcommitError) || error.code !== 'STATE_NOT_FOUND') throw error;
    const warning = `There is no log in ${stateDirectory} yet, so the units wait for no mounts and no services. Run this again when there are volumes and groups.`;
    return { mode: null, declared: NOTHING_DECLARED, isIncomplete: false, warnings: [warning] };
  }
}

async function readDeclared(stateDirectory: string, node: string): Promise<Omit<NodeFacts, 'mode'>> {
  try {
    const opened = await openNode({ stateDirectory });
    try {
      const [volumes, groups] = [await opened.volumes(), await opened.groups()];
      const living = volumes.filter(({ forfeited }) => !forfeited);
      return { declared: declaredOn(node, living, groups), isIncomplete: false, warnings: [] };
    } finally {
      opened.close();
    }
  } catch (error) {
    if (!(error instanceof SnapcommitError)) throw error;
    const warning = `The log cannot be read now (${error.message}), so what the units wait for was left as it is. Run this again when it can.`;
    return { declared: NOTHING_DECLARED, isIncomplete: true, warnings: [warning] };
  }
}
