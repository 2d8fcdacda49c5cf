/** Founding a cluster of members that are prepared and do not run yet. */
import { join } from 'node:path';
import { until } from '../support/until.js';
import type { Member } from './member.js';

/** The cluster as its users make one: the first member, then the others by token. */
export async function found(members: readonly Member[], directory: string): Promise<void> {
  const [first, ...others] = members;
  if (first === undefined) return;
  await first.ask('init', '--node', first.node);
  await first.ask('cluster', 'init', '--address', first.address);
  first.start();
  await first.serves();
  for (const member of others) {
    const token = join(directory, `token-${member.node}`);
    await first.ask('cluster', 'token', '--out', token);
    await member.ask('cluster', 'join', '--token-file', token, '--node', member.node, '--address', member.address);
    member.start();
    await member.serves();
    // It serves before everybody knows it as a learner.
    await until(`${member.node} votes`, async () => first.done('cluster', 'add', member.node));
  }
}
