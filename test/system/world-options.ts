/** What a simulated system is made of, and what runs in it. Types, and how they are written down. */
import type { Ending } from './judge.js';
import type { Machine } from './machine.js';
import type { SimProcess } from './sim-process.js';

export interface PlacedVolume {
  readonly name: string;
  readonly node: string;
  readonly source: string;
  readonly publishDirectory: string;
  /** Of this machine's. null: it stands alone, on a filesystem that knows no pools. */
  readonly pool: string | null;
}

export interface WorldOptions {
  readonly seed: number;
  readonly nodes: readonly string[];
  /** `NODE:NAME` or, where all of them stand in pools, `NODE:NAME:POOL`. */
  readonly volumes: readonly string[];
  readonly hooks: boolean;
  /** Whether the application writes; a transact's own command does in any case. */
  readonly writes: boolean;
  readonly traced: boolean;
}

/** A command that runs, or ran. */
export interface Command {
  readonly name: string;
  readonly machine: Machine;
  readonly process: SimProcess;
  /** null: it has not ended, and its process lives. */
  readonly ending: () => Ending | null;
}

export function placedVolumes(volumes: WorldOptions['volumes']): readonly PlacedVolume[] {
  return volumes.map((text) => {
    const [node = '', name = '', pool = null] = text.split(':');
    return { name, node, source: `/srv/${name}`, publishDirectory: `/srv/.snapcommit/${name}`, pool };
  });
}
