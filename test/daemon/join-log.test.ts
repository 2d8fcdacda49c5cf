/** What is told of those who ask for a certificate. */
import t from 'tap';
import { systemClock } from '#src/adapters/clock-system.js';
import { joinLog } from '#src/daemon/cluster/join-log.js';

t.test('strangers that are refused again and again fill no log, and are counted', (t) => {
  let now = 0;
  const [refused, told]: [string[], object[]] = [[], []];
  const note = (line: object): void => {
    told.push(line);
  };
  const onDecision = joinLog({ ...systemClock, monotonic: () => now }, { refused: (reason) => refused.push(reason) }, {
    info: note,
    warn: note,
  } as Parameters<typeof joinLog>[2]);
  const stranger = { address: '192.0.2.1', node: null };
  for (let count = 0; count < 1000; count += 1) onDecision({ ...stranger, refusal: `of cluster c${String(count)}` });
  onDecision({ ...stranger, address: '192.0.2.2', refusal: 'no' });
  onDecision({ ...stranger, node: 'd', refusal: null });
  now += 60_000;
  onDecision({ ...stranger, refusal: 'no' });
  t.match(told, [
    { from: '192.0.2.1', refusal: 'of cluster c0', repeated: 0 },
    { from: '192.0.2.2' },
    { node: 'd' },
    { from: '192.0.2.1', repeated: 999 },
  ]);
  t.equal(told.length, 4);
  t.same([...new Set(refused), refused.length], ['join', 1002]);
  t.end();
});
