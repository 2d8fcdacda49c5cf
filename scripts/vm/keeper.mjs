// A guest that stays up for other commands to use (`vm.mjs up`): it takes orders over a socket in the guest's directory.
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { directoryOf } from './directories.mjs';
import { RigError } from './tools.mjs';

const SOCKET = 'orders';

/** What a kept guest can be told. */
const ORDERS = {
  cut: (guest) => guest.cutPower(),
  boot: async (guest) => {
    await guest.renewProject();
    await guest.boot();
  },
  reboot: async (guest) => {
    await guest.renewProject();
    await guest.reboot();
  },
  down: (guest) => guest.remove(),
};
export const orders = Object.keys(ORDERS);

/** Serves orders for `guest` until told "down" or signalled; then the guest is removed. */
export async function keep(guest) {
  let server;
  await new Promise((resolve) => {
    let turn = Promise.resolve();
    server = createServer((connection) => {
      connection.setEncoding('utf8').on('error', () => undefined);
      connection.once('data', (order) => {
        turn = turn.then(async () => connection.end(await answer(guest, order.trim(), resolve)));
      });
    });
    server.listen(join(guest.directory, SOCKET));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, resolve);
  });
  // who listens on goes on: the process would stay after its guest
  server.close();
  await guest.remove();
}

async function answer(guest, order, leave) {
  try {
    await ORDERS[order](guest);
    if (order === 'down') setImmediate(leave);
    return 'ok';
  } catch (error) {
    return error.message;
  }
}

/** Gives somebody's kept guest an order and waits until it is carried out. */
export async function tell(name, order) {
  const socket = join(directoryOf(name), SOCKET);
  const said = await new Promise((resolve, reject) => {
    let text = '';
    const connection = createConnection(socket, () => connection.write(`${order}\n`));
    connection.setEncoding('utf8').on('data', (more) => (text += more));
    connection.on('error', (error) => reject(new RigError(`the guest ${name} takes no orders: ${error.message}`)));
    connection.on('close', () => resolve(text));
  });
  if (said !== 'ok') throw new RigError(said === '' ? `the keeper of ${name} went away` : said);
}
