/** What a message between machines is of: their replicas, or their daemons' calls. */
export const LOG = 0;
export const CALL = 1;

export function tagged(kind: typeof LOG | typeof CALL, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([kind]), bytes]);
}
