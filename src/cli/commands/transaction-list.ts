/** `snapcommit transaction list`: the newest decided ones, and those that are open. */
import type { CommandModule } from '../command.js';
import { table } from '../render/table.js';
import { transactionOutcome } from '../render/transaction.js';

export const transactionList: CommandModule = {
  async run({ openNode }) {
    const transactions = await (await openNode()).transactions();
    const rows = transactions.map((transaction) => [
      transaction.transaction,
      transaction.group,
      transaction.mode,
      transaction.state,
      transactionOutcome(transaction),
    ]);
    return {
      json: transactions,
      text: () =>
        rows.length === 0
          ? 'There are no transactions yet.\n'
          : table(['transaction', 'group', 'mode', 'state', 'outcome'], rows),
    };
  },
};
