/**
 * One node in a process of its own, for tests that put it into a network namespace. The first line on standard input is
 * what it is; then `say NODE TEXT`. It writes a line of JSON for each event and message.
 */
import { createInterface } from 'node:readline';
import { randomBytes } from 'node:crypto';
import { systemClock } from '#src/adapters/clock-system.js';
import { systemTimers } from '#src/adapters/timers-system.js';
import { listenTls, type Credentials } from '#src/adapters/transport-tls/index.js';
import type { PeerAddress } from '#src/ports/transport.js';

interface Start {
  readonly cluster: string;
  readonly node: string;
  readonly credentials: Credentials;
  readonly members: readonly (readonly [string, PeerAddress])[];
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const first = await lines.next();
const start = JSON.parse(String(first.value)) as Start;
const members = new Map(start.members);
const print = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};
const listen = members.get(start.node);
if (listen === undefined) throw new Error('not among the members');
const transport = await listenTls({
  self: { cluster: start.cluster, node: start.node },
  listen,
  credentials: start.credentials,
  clock: systemClock,
  timers: systemTimers,
  random: { bytes: (count) => randomBytes(count) },
  limits: { keepaliveMs: 50, silentPeriodsMax: 6, reconnectMinMs: 10, reconnectMaxMs: 100, greetingMs: 500 },
  user: {
    introduce: () => ({ incarnation: 1, store: start.node, configuration: 1, notes: {} }),
    judge: () => null,
    onMessage: (from, message) => {
      print({ type: 'message', from, text: Buffer.from(message).toString() });
    },
    onEvent: print,
  },
});
transport.setPeers(members);
for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const [, to = '', text = ''] = line.split(' ');
  transport.send(to, Buffer.from(text));
}
await transport.close();
