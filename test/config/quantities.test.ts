import fc from 'fast-check';
import t from 'tap';
import { DURATION_MAX_MS, parseAddress, parseCount, parseDuration, parseSize } from '#src/config/quantities.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
t.comment(`SEED=${String(seed)}`);

t.test('durations', async (t) => {
  const valid = { '500ms': 500, '5s': 5000, '2m': 120_000, '1h': 3_600_000, '1.5s': 1500, '1ms': 1 };
  for (const [text, ms] of Object.entries(valid)) t.equal(parseDuration(text), ms, text);
  const invalid = [
    '',
    '5',
    's',
    '-5s',
    '+5s',
    '5 s',
    '5S',
    '5sec',
    '0s',
    '0.1ms',
    '1e3s',
    ' 5s',
    '5s\n',
    '600h',
    '5constructor',
  ];
  for (const text of invalid) t.equal(parseDuration(text), null, JSON.stringify(text));
});

t.test('sizes', async (t) => {
  const valid = {
    '0': 0,
    '64': 64,
    '64B': 64,
    '1K': 1024,
    '1KiB': 1024,
    '1KB': 1000,
    '64MiB': 67_108_864,
    '1.5G': 1_610_612_736,
  };
  for (const [text, bytes] of Object.entries(valid)) t.equal(parseSize(text), bytes, text);
  for (const text of ['', 'M', '-1', '1X', '1 M', '99999999999999999', '9007199254740993', '9000000TB', '0x10']) {
    t.equal(parseSize(text), null, JSON.stringify(text));
  }
});

t.test('counts', async (t) => {
  t.equal(parseCount('0'), 0);
  t.equal(parseCount('12'), 12);
  for (const text of ['', '01', '-1', '1.0', '1e3', ' 1', '9007199254740992', 'NaN'])
    t.equal(parseCount(text), null, text);
});

t.test('whatever is typed, the answer is a whole number within its bounds, or none', async (t) => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{1,20}[A-Za-z]{0,3}$/));
  fc.assert(
    fc.property(text, (typed) => {
      const duration = parseDuration(typed);
      const size = parseSize(typed);
      const isDuration =
        duration === null || (Number.isInteger(duration) && duration >= 1 && duration <= DURATION_MAX_MS);
      return isDuration && (size === null || (Number.isSafeInteger(size) && size >= 0));
    }),
    { seed, numRuns: 2000 },
  );
  t.pass('2,000 texts');
});

t.test('addresses are a host and a port', async (t) => {
  t.same(parseAddress('db1.example:7420'), { host: 'db1.example', port: 7420 });
  t.same(parseAddress('10.0.0.1:1'), { host: '10.0.0.1', port: 1 });
  t.same(parseAddress('[fd00::1]:65535'), { host: 'fd00::1', port: 65535 });
  for (const text of [
    '',
    'a',
    ':1',
    'a:',
    'a:0',
    'a:65536',
    'a:01',
    'a:1 ',
    'fd00::1:7420',
    '[a]:',
    'a b:1',
    '-a:1',
    'a-:1',
  ])
    t.equal(parseAddress(text), null, text);
});
