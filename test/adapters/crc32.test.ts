/** The store's checksums: in script, by zlib, and from one to the other. */
import { randomBytes } from 'node:crypto';
import { crc32 as zlibCrc32 } from 'node:zlib';
import t from 'tap';
import { crc32, crc32InScript } from '#src/adapters/store-sqlite/crc32.js';

t.test('a checksum in script is the one that zlib makes', (t) => {
  const lengths = Array.from({ length: 300 }, (_, length) => length + 1);
  const differing = lengths.filter((length) => {
    const bytes = randomBytes(length);
    const before = randomBytes(4).readUInt32BE();
    return crc32InScript(bytes, before) !== zlibCrc32(bytes, before);
  });
  t.same(differing, []);
  t.end();
});

t.test('D10 a row has one checksum, whoever of the two makes it', (t) => {
  const head = randomBytes(40);
  const row = randomBytes(3000);
  const wanted = zlibCrc32(row, zlibCrc32(head));
  const nothing = Buffer.from(new ArrayBuffer(0));
  // Far beyond what is made in script.
  for (let round = 0; round < 40; round += 1) {
    t.equal(crc32(row, crc32(head)), wanted, `round ${String(round)}`);
    t.equal(crc32(nothing, wanted), wanted, 'nothing more changes nothing');
    t.equal(crc32(Buffer.alloc(0), wanted), wanted);
  }
  t.end();
});
