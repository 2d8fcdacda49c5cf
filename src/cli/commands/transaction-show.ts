/** `snapcommit transaction show`. */
import type { CommandModule } from '../command.js';
import { tokenOf } from '../input.js';
import { transactionText } from '../render/transaction.js';

export const transactionShow: CommandModule = {
  async run({ operands: [text = ''], openNode }) {
    const id = tokenOf('transaction id', text);
    const transaction = await (await openNode()).transaction(id);
    return { json: transaction, text: () => transactionText(transaction) };
  },
};
