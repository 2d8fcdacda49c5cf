/** Records spread over buckets: changing one entry copies its bucket, and not all the others. PURE. */
import { lookup, mapRecord, withKey, type ReadonlyRecord } from './record.js';

export type Buckets<T> = ReadonlyRecord<ReadonlyRecord<T>>;

/** How many buckets there are; part of the state's form. */
export const BUCKET_COUNT = 64;

/** A plain polynomial hash: it has to spread, not to resist anybody. The modulus is the largest 16-bit prime. */
function bucketOf(key: string): string {
  let hash = 0;
  for (let i = 0; i < key.length; i += 1) hash = (hash * 31 + key.charCodeAt(i)) % 65_521;
  return String(hash % BUCKET_COUNT);
}

export function inBuckets<T>(buckets: Buckets<T>, key: string): T | undefined {
  return lookup(lookup(buckets, bucketOf(key)) ?? {}, key);
}

export function withBucketed<T>(buckets: Buckets<T>, key: string, value: T): Buckets<T> {
  const bucket = bucketOf(key);
  return withKey(buckets, bucket, withKey(lookup(buckets, bucket) ?? {}, key, value));
}

/** Keeps what `isKept` answers true for; empty buckets leave. */
export function filterBuckets<T>(buckets: Buckets<T>, isKept: (value: T, key: string) => boolean): Buckets<T> {
  return mapRecord(buckets, (bucket) => {
    const kept = mapRecord(bucket, (value, key) => (isKept(value, key) ? value : undefined));
    return Object.keys(kept).length === 0 ? undefined : kept;
  });
}

/** In no order that means anything. */
export function bucketedEntries<T>(buckets: Buckets<T>): readonly (readonly [key: string, value: T])[] {
  return Object.values(buckets).flatMap((bucket) => Object.entries(bucket));
}
