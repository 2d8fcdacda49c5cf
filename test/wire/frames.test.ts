import t from 'tap';
import { encodeFrame, FRAME_HEADER_BYTES, FrameDecoder, FrameError, type Frame } from '#src/wire/frames.js';
import { seeded } from '../support/seeded.js';

const LIMIT = 512;

/** What a decoder makes of the bytes, cut into chunks of `size`. */
function decode(bytes: Uint8Array, size = bytes.length, decoder = new FrameDecoder(LIMIT)): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; at += size) frames.push(...decoder.push(bytes.subarray(at, at + size)));
  return frames;
}

function reasonOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof FrameError) return error.reason;
    throw error;
  }
  return 'nothing was thrown';
}

t.test('frames come out as they went in, wherever the stream is cut', async (t) => {
  const payloads = ['', 'a', 'hello', 'x'.repeat(LIMIT)].map((text) => Buffer.from(text));
  const stream = Buffer.concat(payloads.map((payload, kind) => encodeFrame(kind, payload)));
  for (const size of [1, 2, 5, 6, 7, 11, 100, stream.length]) {
    const decoder = new FrameDecoder(LIMIT);
    const frames = decode(stream, size, decoder);
    t.same(
      frames.map(({ kind, payload }) => [kind, Buffer.from(payload).toString()]),
      payloads.map((payload, kind) => [kind, payload.toString()]),
      `chunks of ${String(size)}`,
    );
    t.equal(decoder.bufferedBytes, 0);
    decoder.end();
  }
});

t.test('the format is what it was', async (t) => {
  t.equal(encodeFrame(5, Buffer.from('hi')).toString('hex'), '0000000401056869');
});

t.test('what is no frame is refused for the right reason, and the stream stays refused', async (t) => {
  const oversized = Buffer.alloc(FRAME_HEADER_BYTES);
  oversized.writeUInt32BE(LIMIT + 3);
  t.equal(
    reasonOf(() => decode(oversized)),
    'oversized',
  );
  t.equal(
    reasonOf(() => decode(Buffer.from('GET / HTTP/1.1\r\n\r\n'))),
    'oversized',
    'another protocol',
  );
  t.equal(
    reasonOf(() => decode(Buffer.from('000000020205', 'hex'))),
    'version',
  );
  t.equal(
    reasonOf(() => decode(Buffer.from('000000010105', 'hex'))),
    'truncated',
    'shorter than a header',
  );
  const decoder = new FrameDecoder(LIMIT);
  const whole = encodeFrame(1, Buffer.from('whole'));
  decode(whole.subarray(0, 8), 8, decoder);
  t.equal(
    reasonOf(() => {
      decoder.end();
    }),
    'truncated',
    'the end inside a frame',
  );
  t.equal(
    reasonOf(() => decode(whole, whole.length, decoder)),
    'truncated',
    'nothing more is read after it',
  );
});

t.test('frames before a bad one are still delivered', async (t) => {
  const decoder = new FrameDecoder(LIMIT);
  const seen: number[] = [];
  const stream = Buffer.concat([encodeFrame(1, Buffer.from('good')), Buffer.from('000000020905', 'hex')]);
  t.equal(
    reasonOf(() => {
      for (const frame of decoder.push(stream)) seen.push(frame.kind);
    }),
    'version',
  );
  t.same(seen, [1]);
});

t.test(
  'a million random and mutated frames: nothing but a FrameError, and never more than the limit is kept',
  async (t) => {
    const random = seeded(t);
    const noise = random.bytes(1 << 16);
    const counts = { frames: 0, oversized: 0, truncated: 0, version: 0 };
    let decoder = new FrameDecoder(LIMIT);
    let keptMax = 0;
    for (let round = 0; round < 1_000_000; round += 1) {
      const bytes = oneInput(random, noise);
      try {
        for (const frame of decoder.push(bytes)) {
          counts.frames += 1;
          if (frame.payload.length > LIMIT) t.fail(`a payload of ${String(frame.payload.length)} bytes`);
        }
        keptMax = Math.max(keptMax, decoder.bufferedBytes);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        counts[error.reason] += 1;
        decoder = new FrameDecoder(LIMIT);
      }
    }
    t.ok(keptMax <= LIMIT + FRAME_HEADER_BYTES, `at most ${String(keptMax)} bytes were kept`);
    for (const [what, count] of Object.entries(counts)) t.ok(count > 1000, `${what}: ${String(count)}`);
  },
);

/** A whole frame, a cut one, one with flipped bytes, noise, or a header with an absurd length. */
function oneInput(random: ReturnType<typeof seeded>, noise: Uint8Array): Uint8Array {
  const start = random.below(noise.length - LIMIT);
  const piece = noise.subarray(start, start + random.below(64));
  const kind = random.below(16);
  if (kind === 0) return piece;
  const frame = encodeFrame(random.below(256), piece);
  if (kind === 1) return frame.subarray(0, random.below(frame.length + 1));
  if (kind === 2) frame.writeUInt32BE(random.below(2 ** 32));
  if (kind === 3) frame[4] = random.below(256);
  if (kind === 4) frame[random.below(frame.length)] = random.below(256);
  if (kind === 5) frame.writeUInt32BE(random.below(LIMIT + 4));
  return frame;
}
