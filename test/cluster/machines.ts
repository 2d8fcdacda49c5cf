/** Members on this machine: each in a network namespace and on a disk of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { atEnd, attempt } from '../support/at-end.js';
import { Member } from './member.js';
import { Network } from './network.js';

export interface Machines {
  /** For whatever else belongs to them; it goes with them. */
  readonly directory: string;
  readonly network: Network;
  /** Prepared; none runs. */
  readonly members: readonly Member[];
}

/** `settings`: for each config.json. Everything is taken away when the test ends, however it ends. */
export function makeMachines(
  t: Pick<Test, 'teardown'>,
  size: number,
  settings: Readonly<Record<string, string | number>> = {},
): Machines {
  const directory = mkdtempSync(join(tmpdir(), 'snapcommit-machines-'));
  const network = new Network(size);
  const members = Array.from({ length: size }, (_, number) => new Member(network, directory, number));
  t.teardown(
    atEnd(() => {
      for (const member of members) member.endAll();
      for (const member of members) attempt(() => member.disk.remove());
      network.remove();
      rmSync(directory, { recursive: true, force: true });
    }),
  );
  network.build();
  for (const member of members) member.prepare(settings);
  return { directory, network, members };
}
