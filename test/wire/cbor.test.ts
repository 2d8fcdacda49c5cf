import t from 'tap';
import { decodeCbor, encodeCbor } from '#src/wire/cbor.js';
import { seeded } from '../support/seeded.js';

const HOSTILE: readonly (readonly [string, string, RegExp])[] = [
  ['nothing at all', '', /ends early/],
  ['a list of a hundred million places', '9a06000000', /ends early/],
  ['a list of 2^64 places', '9bffffffffffffffff', /2\^53/],
  ['a map of sixteen million keys', 'ba00ff0000', /ends early/],
  ['a text that is not there', '7affffffff', /ends early/],
  ['a byte string that is not there', '5b00ffffffffffff', /2\^53|ends early/],
  ['nesting', '81'.repeat(100_000) + '00', /nested deeper/],
  ['a key named __proto__', `a1695f5f70726f746f5f5fa1616101`, /__proto__/],
  ['a key that is a number', 'a10102', /not a text/],
  ['a key that is a map', 'a1a002', /not a text/],
  ['a date', 'c11a00000000', /a tag/],
  ['a bignum', `c25a00010000${'ff'.repeat(65_536)}`, /a tag/],
  ['a regular expression', 'd81b826161616c', /a tag/],
  ['a cycle', 'd81c81d81d00', /a tag/],
  ['a typed array', 'd84044deadbeef', /a tag/],
  ['a record', 'd9dfff8319e0008161610a', /a tag/],
  ['a list without its length', '9f0102ff', /without its length/],
  ['a text without its length', '7f6161ff', /without its length/],
  ['an integer beyond 2^53', '1bffffffffffffffff', /2\^53/],
  ['undefined', 'f7', /simple/],
  ['a simple value', 'f8ff', /simple/],
  ['half a float', 'fb0000', /ends early/],
  ['more after the end', '0102', /more bytes follow/],
];

t.test('the parts of CBOR that only an attacker sends are refused before anything is built', async (t) => {
  for (const [what, hex, message] of HOSTILE)
    t.throws(() => decodeCbor(Buffer.from(hex, 'hex')), { name: 'TypeError', message }, what);
});

t.test('plain values come back', async (t) => {
  const values: readonly unknown[] = [
    0,
    23,
    24,
    255,
    65_536,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
    -1,
    -500,
    1.5,
    true,
    false,
    null,
    '',
    'äöü',
    'x'.repeat(70_000),
    [],
    [1, [2, [3]]],
    {},
    { a: 1, b: { c: [null, 'd'] } },
    { constructor: 'x', toString: 'y' },
    Buffer.alloc(300, 7),
    Array.from({ length: 300 }, (_, index) => index),
  ];
  for (const value of values) t.same(decodeCbor(encodeCbor(value)), value);
  t.ok(decodeCbor(encodeCbor(new Uint8Array(3))) instanceof Uint8Array);
});

t.test('mutated values: a value or a TypeError, nothing else', async (t) => {
  const random = seeded(t);
  const whole = encodeCbor({
    type: 'promise',
    ballot: [1, 2, 'alpha'],
    entries: [{ bytes: new Uint8Array(40), next: null }, 7.25],
  });
  const counts = { values: 0, refused: 0 };
  for (let round = 0; round < 200_000; round += 1) {
    const bytes = Buffer.from(whole);
    for (let flips = 1 + random.below(3); flips > 0; flips -= 1) bytes[random.below(bytes.length)] = random.below(256);
    try {
      decodeCbor(bytes.subarray(0, random.below(8) === 0 ? random.below(bytes.length) : bytes.length));
      counts.values += 1;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      counts.refused += 1;
    }
  }
  t.ok(counts.values > 1000 && counts.refused > 1000, JSON.stringify(counts));
});
