/**
 * `snapcommit cluster recover`: when a majority is lost for good, this member alone goes on as a cluster of one. It is
 * the one command that can lose what was promised, so it says what that is and does nothing without consent.
 */
import type { CommandModule } from '../command.js';
import { usage } from '../failure.js';
import { pairs } from '../render/table.js';
import { counted } from '../render/text.js';

export const clusterRecover: CommandModule = {
  define(command) {
    command.option(
      '--unsafe-discard-others',
      'yes: the other members are lost for good, and with them what only they may have known',
    );
  },
  async run({ options, globals, openers }) {
    const { stateDirectory } = globals;
    if (!options.flag('unsafeDiscardOthers')) throw await refusal(openers.recoveryPreview(stateDirectory));
    const done = await openers.recoverCluster({ stateDirectory });
    return {
      json: done,
      text: () =>
        `This member is a cluster of one now, with a new incarnation.\n${pairs([
          ['cluster', done.cluster],
          ['node', done.node],
          ['incarnation', String(done.incarnation)],
          ['last slot', String(done.lastSlot)],
          ['given up', done.discarded.length === 0 ? 'nobody' : done.discarded.join(', ')],
        ])}Next: snapcommit daemon, then snapcommit recover. Wipe the other members before they join again.\n`,
    };
  },
};

async function refusal(preview: ReturnType<Parameters<CommandModule['run']>[0]['openers']['recoveryPreview']>) {
  const { node, lastSlot, decidedSlot, discarded } = await preview;
  const others = discarded.length === 0 ? 'no other member' : discarded.join(', ');
  const unsure = counted(lastSlot - decidedSlot, 'entry', 'entries');
  return usage(
    `this gives up on ${others}: every entry after slot ${String(lastSlot)} is lost, also ones that commands were told of, ` +
      `and ${unsure} here that may never have been chosen will count. A generation that was committed there is gone from ` +
      'the log, though its snapshots stay on the volumes; a member that still runs would go on in another history. ' +
      `Do it only when a majority can never come back, on the member whose last slot is the highest (${node} has ` +
      `${String(lastSlot)}), and with the others ended: snapcommit cluster recover --unsafe-discard-others.`,
    { node, lastSlot, decidedSlot, discarded: [...discarded] },
  );
}
