/**
 * One link of a chain of writers, one on each host. The first counts upwards. Each writes a number into its own trees, in
 * their order and without any sync, hands it on to the next host's writer over a socket, and says that it is done when that
 * one has said so:
 *
 *   TREE/counter   8 KiB full of n, in place, buffered
 *   TREE/renamed   8 KiB full of n, written to a new name and renamed over it
 *
 * so at every moment the numbers fall by one at most, from the first tree of the first host to the last of the last. The
 * sockets are files, so the writers hear each other through any partition of the hosts' network.
 *
 *   relay-process.js CGROUP_PROCS OWN_SOCKET|- NEXT_SOCKET|- TREE…
 */
import { closeSync, openSync, readFileSync, renameSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';

const [procs = '', own = '-', next = '-', ...trees] = process.argv.slice(2);
const DIGITS = 16;
const COPIES = 512;

writeFileSync(procs, String(process.pid));
const counters = trees.map((tree) => {
  const path = join(tree, 'counter');
  return openSync(path, statSync(path, { throwIfNoEntry: false }) === undefined ? 'w+' : 'r+');
});
const following = next === '-' ? null : endingWithUs(connect(next));

/** Where a neighbour has been ended the chain ends. */
function endingWithUs(socket: Socket): Socket {
  return socket.on('error', () => process.exit(0));
}

async function write(round: number): Promise<void> {
  const number = String(round).padStart(DIGITS, '0');
  const record = number.repeat(COPIES);
  trees.forEach((tree, index) => {
    writeSync(counters[index] ?? 0, record, 0);
    const fresh = openSync(join(tree, 'renamed.new'), 'w');
    writeSync(fresh, record);
    closeSync(fresh);
    renameSync(join(tree, 'renamed.new'), join(tree, 'renamed'));
  });
  if (following === null) return;
  following.write(number);
  await message(following);
}

/** The next number that comes over a socket: they are sent one at a time. */
async function message(socket: Socket): Promise<number> {
  return new Promise((resolve) => {
    let text = '';
    const take = (data: Buffer): void => {
      text += data.toString('latin1');
      if (text.length < DIGITS) return;
      socket.off('data', take);
      resolve(Number(text));
    };
    socket.on('data', take);
  });
}

async function count(): Promise<void> {
  // Goes on where an earlier one left off, so that numbers only rise.
  const last = Number(readFileSync(counters[0] ?? 0, 'latin1').slice(0, DIGITS));
  await write(last + 1);
  process.stdout.write('writing\n');
  for (let round = last + 2; ; round += 1) {
    await write(round);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function follow(before: Socket): Promise<void> {
  for (;;) {
    const round = await message(before);
    await write(round);
    before.write(String(round).padStart(DIGITS, '0'));
  }
}

if (own === '-') await count();
else createServer((before) => void follow(endingWithUs(before))).listen(own, () => process.stdout.write('listening\n'));
