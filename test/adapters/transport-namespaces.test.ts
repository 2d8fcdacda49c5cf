/** Two nodes in network namespaces of their own: cables are pulled, machines fall silent, and they find each other again. */
import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { CLUSTER, credentialsOf } from '../support/transport.js';
import { until } from '../support/until.js';

const PROGRAM = fileURLToPath(new URL('../support/transport-node-process.js', import.meta.url));
const MARK = `sct${String(process.pid)}`;
const PORT = 7400;

function ip(...words: readonly string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

interface Line {
  readonly type: string;
  readonly text?: string;
  readonly message?: string;
}

interface Box {
  readonly node: string;
  readonly namespace: string;
  readonly lines: Line[];
  tell(line: string): void;
  signal(signal: NodeJS.Signals): void;
}

const count = (box: Box, type: string): number => box.lines.filter((line) => line.type === type).length;

/** Namespaces a and b with a cable between them; whatever happens, both are gone at the end. */
function makeCable(t: Test): Record<'a' | 'b', { namespace: string; host: string }> {
  const ends = { a: { namespace: `${MARK}a`, host: '10.77.0.1' }, b: { namespace: `${MARK}b`, host: '10.77.0.2' } };
  for (const { namespace } of Object.values(ends)) {
    ip('netns', 'add', namespace);
    t.teardown(() => {
      ip('netns', 'delete', namespace);
    });
  }
  ip(
    'link',
    'add',
    'wire',
    'netns',
    ends.a.namespace,
    'type',
    'veth',
    'peer',
    'name',
    'wire',
    'netns',
    ends.b.namespace,
  );
  for (const { namespace, host } of Object.values(ends)) {
    ip('-n', namespace, 'address', 'add', `${host}/24`, 'dev', 'wire');
    ip('-n', namespace, 'link', 'set', 'wire', 'up');
  }
  return ends;
}

async function startBox(t: Test, node: 'a' | 'b', ends: ReturnType<typeof makeCable>): Promise<Box> {
  const { namespace } = ends[node];
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const lines: Line[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) lines.push(JSON.parse(part) as Line);
  });
  const members = Object.entries(ends).map(([name, { host }]) => [name, { host, port: PORT }]);
  child.stdin.write(`${JSON.stringify({ cluster: CLUSTER, node, credentials: await credentialsOf(node), members })}\n`);
  return {
    node,
    namespace,
    lines,
    tell: (line) => child.stdin.write(`${line}\n`),
    signal: (signal) => child.kill(signal),
  };
}

async function talk(a: Box, b: Box, text: string): Promise<void> {
  a.tell(`say b ${text}-there`);
  b.tell(`say a ${text}-back`);
  await until(
    `${text} in both directions`,
    () => b.lines.some((line) => line.text === `${text}-there`) && a.lines.some((line) => line.text === `${text}-back`),
  );
}

t.test('a pulled cable, a silent machine and a killed one', async (t) => {
  const ends = makeCable(t);
  const [a, b] = [await startBox(t, 'a', ends), await startBox(t, 'b', ends)];
  const connections = async (number: number): Promise<void> => {
    await until(
      `connection ${String(number)}`,
      () => count(a, 'connected') === number && count(b, 'connected') === number,
    );
  };
  await connections(1);
  await talk(a, b, 'first');

  // No reset, no end: only silence tells.
  ip('-n', b.namespace, 'link', 'set', 'wire', 'down');
  await until('both notice', () => count(a, 'disconnected') === 1 && count(b, 'disconnected') === 1);
  t.match(
    a.lines.findLast(({ type }) => type === 'disconnected'),
    { message: 'silent for 300 ms' },
  );
  await until('it is told that b cannot be reached', () => count(a, 'unreachable') > 0);
  a.tell('say b lost');
  ip('-n', b.namespace, 'link', 'set', 'wire', 'up');
  await connections(2);
  await talk(a, b, 'second');
  t.notOk(
    b.lines.some(({ text }) => text === 'lost'),
    'nothing is kept across connections',
  );

  b.signal('SIGSTOP');
  await until('a notices', () => count(a, 'disconnected') === 2);
  b.signal('SIGCONT');
  await until('they meet again', () => count(a, 'connected') >= 3 && count(b, 'connected') >= 3);
  await talk(a, b, 'third');
  for (const { lines } of [a, b]) {
    const told = lines.flatMap(({ type }) => (type === 'connected' || type === 'disconnected' ? [type] : []));
    t.ok(
      told.every((type, index) => type === (index % 2 === 0 ? 'connected' : 'disconnected')),
      `each end is told before the next beginning: ${told.join(', ')}`,
    );
  }

  b.signal('SIGKILL');
  await until('a notices at once', () => count(a, 'disconnected') >= 3);
  const again = await startBox(t, 'b', ends);
  await until('the new one is met', () => count(again, 'connected') >= 1);
  await talk(a, again, 'fourth');
});
