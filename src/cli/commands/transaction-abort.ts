/** `snapcommit transaction abort`: what it staged is swept. */
import type { CommandModule } from '../command.js';
import { tokenOf } from '../input.js';
import { transactionText } from '../render/transaction.js';

export const transactionAbort: CommandModule = {
  async run({ operands: [text = ''], openNode }) {
    const id = tokenOf('transaction id', text);
    const transaction = await (await openNode()).abortTransaction(id);
    return { json: transaction, text: () => transactionText(transaction) };
  },
};
