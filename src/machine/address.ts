/** Where a listener is, as people write it. PURE. One grammar for options, config.json, the wire and the log. */

/** An IPv6 host stands in brackets in the text, and without them here. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export const ADDRESS_LAW = 'HOST:PORT, such as db1.example:7420, 10.0.0.1:7420 or [fd00::1]:7420';

/** null where the text is no address. Port 0 is none. */
export function parseAddress(text: string): Address | null {
  const match =
    /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)):([1-9][0-9]{0,4})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? null : { host, port };
}
