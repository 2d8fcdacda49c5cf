// The writer of the story of several machines: one runs on each, and they form a chain. The first counts upwards for ever;
// each writes the number into its own volumes, in their order, buffered, passes it on to the next machine's writer over the
// network, and answers when that one has answered. So at any moment the numbers fall by one at most from the first volume of
// the first machine to the last volume of the last, and a set of snapshots where they do not is a mix.
//
//   relay.mjs CGROUP_PROCS OWN_HOST:PORT|- NEXT_HOST:PORT|- TREE…
import { openSync, writeFileSync, writeSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

const [procs, own, next, ...trees] = process.argv.slice(2);
const DIGITS = 12;

writeFileSync(procs, String(process.pid));
const files = trees.map((tree) => openSync(join(tree, 'counter'), 'w'));
const following = next === '-' ? null : endingWithUs(connect(placeOf(next)).setNoDelay(true));

function placeOf(address) {
  const [host, port] = address.split(':');
  return { host, port: Number(port) };
}

/** Where a neighbour has been ended the chain ends. */
function endingWithUs(socket) {
  return socket.on('error', () => process.exit(0));
}

async function write(number) {
  for (const file of files) writeSync(file, number, 0);
  if (following === null) return;
  following.write(number);
  await received(following);
}

/** One number: they are sent one at a time. */
function received(socket) {
  return new Promise((resolve) => {
    let text = '';
    const take = (data) => {
      text += data;
      if (text.length < DIGITS) return;
      socket.off('data', take);
      resolve(text);
    };
    socket.on('data', take);
  });
}

async function count() {
  for (let counter = 1; ; counter += 1) {
    await write(String(counter).padStart(DIGITS, '0'));
    if (counter === 1) process.stdout.write('writing\n');
    if (counter % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function follow(before) {
  for (;;) {
    const number = await received(before);
    await write(number);
    before.write(number);
  }
}

if (own === '-') await count();
else
  createServer((before) => void follow(endingWithUs(before.setNoDelay(true)))).listen(placeOf(own), () =>
    process.stdout.write('listening\n'),
  );
