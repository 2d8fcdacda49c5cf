/** `snapcommit cluster join`: this machine becomes a member, first as a learner. The token is read, never an argument. */
import { hostname } from 'node:os';
import { isName } from '../../config/names.js';
import type { CommandModule } from '../command.js';
import { usage } from '../failure.js';
import { addressOf, nameOf, pathOf, required } from '../input.js';
import { pairs } from '../render/table.js';
import { readSecret } from '../secrets.js';

export const clusterJoin: CommandModule = {
  define(command) {
    command
      .option('--token-file <FILE>', 'the token of `snapcommit cluster token`; - reads it from stdin')
      .option('--address <HOST:PORT>', 'where the other members will reach this one')
      .option('--node <NAME>', 'what this machine is called (default: its host name)');
  },
  async run({ options, globals, openers, io }) {
    const file = required('--token-file', options.text('tokenFile'), 'FILE');
    const address = addressOf('--address', required('--address', options.text('address'), 'HOST:PORT'));
    const node = nodeName(options.text('node'));
    const token = readSecret(file === '-' ? null : pathOf('--token-file', file, io.cwd), 'the token', io);
    const { stateDirectory } = globals;
    const joined = await openers.joinCluster({ stateDirectory, token, node, address });
    return {
      json: joined,
      text: () =>
        `This machine has joined as a learner: it copies the log, and does not vote yet.\n${pairs([
          ['state directory', joined.stateDirectory],
          ['cluster', joined.cluster],
          ['node', joined.node],
          ['address', joined.address],
        ])}Next: snapcommit daemon (on this machine), then snapcommit cluster add ${joined.node} (on any member)\n`,
    };
  },
};

function nodeName(given: string | null): string {
  if (given !== null) return nameOf('node', given);
  const host = hostname();
  if (isName(host)) return host;
  throw usage(`this machine's host name ${JSON.stringify(host)} cannot name a node; give one with --node NAME.`);
}
