/** `snapcommit commit`: captures all volumes of a group as one generation. */
import type { CommandModule, Invocation } from '../command.js';
import { commitIfOlder } from '../commit-if-older.js';
import { defineCommitOptions, readCommitRequest } from '../commit-options.js';
import { usage } from '../failure.js';
import { durationOf, nameOf } from '../input.js';
import { committedText, youngText } from '../render/generation.js';
import { dryRunText } from '../render/dry-run.js';

export const commit: CommandModule = {
  define(command) {
    defineCommitOptions(command);
    command.option(
      '--if-older-than <DURATION>',
      'only if the newest generation is older than this; otherwise print that one',
    );
  },
  async run(invocation) {
    const { operands, options, openNode } = invocation;
    const request = readCommitRequest(invocation, nameOf('group', operands[0] ?? ''));
    const ageMs = readAge(invocation);
    const node = await openNode();
    if (options.flag('dryRun')) {
      const plan = await node.commitDryRun(request);
      return { json: plan, text: () => dryRunText(plan) };
    }
    const wait = options.flag('wait');
    const { generation, isNew } =
      ageMs === null
        ? { generation: await node.commit(request, wait), isNew: true }
        : await commitIfOlder(node, request, wait, { ageMs, now: Date.now });
    return { json: generation, text: () => (isNew ? committedText(generation) : youngText(generation)) };
  },
};

/** These say for themselves which commit is meant. */
const MEANT_OTHERWISE = [
  ['--expect-generation', 'expectGeneration'],
  ['--request-id', 'requestId'],
] as const;

/** null: not given. */
function readAge({ options }: Invocation): number | null {
  const text = options.text('ifOlderThan');
  if (text === null) return null;
  const other = MEANT_OTHERWISE.find(([, name]) => options.text(name) !== null)?.[0];
  const clash = options.flag('dryRun') ? '--dry-run' : other;
  if (clash !== undefined) throw usage(`--if-older-than goes without ${clash}.`, { option: 'ifOlderThan' });
  return durationOf('--if-older-than', text);
}
