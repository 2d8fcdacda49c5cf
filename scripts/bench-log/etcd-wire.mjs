// The three messages of etcd's v3 API that the comparison needs, in protobuf's wire format (etcd's rpc.proto has the
// field numbers). Hand-written: a schema loader would cost our process time that etcd is not to be charged with.

const VARINT = 0;
const BYTES = 2;

function varint(number) {
  const bytes = [];
  for (let left = number; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left]);
    bytes.push((left % 128) + 128);
  }
}

function bytesField(field, bytes) {
  return Buffer.concat([varint(field * 8 + BYTES), varint(bytes.length), bytes]);
}

/** `PutRequest { bytes key = 1; bytes value = 2; }` */
export function encodePut({ key, value }) {
  return Buffer.concat([bytesField(1, key), bytesField(2, value)]);
}

export function encodeNothing() {
  return Buffer.alloc(0);
}

/** A message's fields by number: varints as BigInt, the rest as bytes. */
function fieldsOf(buffer) {
  const fields = new Map();
  let at = 0;
  const number = () => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = BigInt(buffer[at]);
      at += 1;
      value |= (byte & 127n) << shift;
      if (byte < 128n) return value;
    }
  };
  while (at < buffer.length) {
    const tag = Number(number());
    const length = tag % 8 === VARINT ? null : tag % 8 === BYTES ? Number(number()) : NaN;
    if (Number.isNaN(length)) throw new Error(`etcd answered with a field of wire type ${String(tag % 8)}`);
    fields.set(Math.floor(tag / 8), length === null ? number() : buffer.subarray(at, (at += length)));
  }
  return fields;
}

/** `PutResponse { ResponseHeader header = 1; }`: that it came is the answer. (grpc-js takes null for no message.) */
export function decodePut(buffer) {
  return buffer;
}

/** `StatusResponse { ResponseHeader header = 1; uint64 leader = 4; }`, `ResponseHeader { uint64 member_id = 2; }` */
export function decodeStatus(buffer) {
  const fields = fieldsOf(buffer);
  return { member: fieldsOf(fields.get(1)).get(2), leader: fields.get(4) ?? 0n };
}
