import t from 'tap';
import { runCase, type Fault, type CaseOptions } from './crash-case.js';
import { commitWork, restoreWork, transactWork } from './commands.js';

const base: CaseOptions = {
  seed: Number(process.env.SEED ?? 1),
  nodes: ['a', 'b', 'c'],
  volumes: process.env.MODE === 'transact' ? ['a:db', 'a:wal'] : ['a:db', 'b:wal', 'b:blobs'],
  hooks: true,
  writes: process.env.MODE !== 'transact',
  traced: false,
  on: 'a',
  command: { commit: commitWork, transact: transactWork, restore: (m: string) => restoreWork(m, 1) }[
    process.env.MODE ?? 'commit'
  ]!,
  at: null,
  fault: null,
};

t.test('cases', async (t) => {
  if (process.env.AT) {
    const result = await runCase({
      ...base,
      traced: true,
      at: Number(process.env.AT),
      fault: JSON.parse(process.env.FAULT!) as Fault,
    });
    for (const line of result.trace.filter((l) => !l.includes('(log)'))) t.comment(line);
    t.equal(result.violation, null);
    return;
  }
  const began = Date.now();
  const calm = await runCase({ ...base, traced: true });
  t.comment(`${calm.boundaries} boundaries, ${Date.now() - began} ms`);
  if (process.env.SHOW) for (const line of calm.trace.filter((l) => !l.includes('(log)'))) t.comment(line);
  t.equal(calm.violation, null);
  const again = await runCase({ ...base });
  t.equal(again.hash, calm.hash);
  if (calm.violation !== null) return;
  const faults: Fault[] = [
    { kind: 'kill', whom: 'command', node: 'a' },
    { kind: 'kill', whom: 'daemon', node: 'a' },
    { kind: 'kill', whom: 'daemon', node: 'b' },
    { kind: 'kill', whom: 'daemon', node: null },
    { kind: 'power', node: 'a' },
    { kind: 'power', node: 'b' },
    { kind: 'power', node: null },
  ];
  let runs = 0;
  const from = Date.now();
  const seen = new Map<string, number>();
  const step = Number(process.env.STEP ?? 13);
  for (const [index, fault] of faults.entries())
    for (let at = 1 + index; at <= calm.boundaries; at += step) {
      const result = await runCase({ ...base, at, fault });
      runs += 1;
      if (result.violation === null) continue;
      const key = `${JSON.stringify(fault)} ${result.violation.message.slice(0, 60)}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
      if (seen.get(key)! <= 2)
        t.comment(
          `${at} ${JSON.stringify(fault)} ${result.place}: ${result.violation.law} ${result.violation.message.slice(0, 400)}`,
        );
    }
  t.comment(`${runs} runs, ${(Date.now() - from) / runs} ms each`);
  for (const [key, n] of seen) t.comment(`${n} x ${key}`);
});
