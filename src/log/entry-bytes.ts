/** How large one entry of a log may be, in either form: an embedded log may become a cluster's. PURE. */

/** Beside others a larger one would fit into no message between members, and the log would stand still. */
export const ENTRY_BYTES_MAX = 4 << 20;

export function tooLargeReason(bytes: number, bytesMax: number): string {
  return `too large: this entry of the log has ${String(bytes)} bytes, and members of a cluster send each other ${String(bytesMax)} at most; do it in smaller parts, with fewer volumes or shorter texts in each`;
}
