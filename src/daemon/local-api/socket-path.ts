/**
 * Where the daemon's socket stands. A socket's address holds 107 bytes; a longer path is named through a descriptor of
 * its directory, which both sides can do.
 */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

export const SOCKET_NAME = 'daemon.sock';
const ADDRESS_BYTES_MAX = 107;

export interface SocketAddress {
  /** For net.connect and net.listen. */
  readonly path: string;
  /** Call it once connected or listening. */
  readonly release: () => void;
}

export function socketFile(stateDirectory: string): string {
  return join(stateDirectory, SOCKET_NAME);
}

export function socketAddress(stateDirectory: string): SocketAddress {
  const path = socketFile(stateDirectory);
  if (Buffer.byteLength(path) <= ADDRESS_BYTES_MAX) return { path, release: () => undefined };
  const directory = openSync(stateDirectory, 'r');
  return {
    path: `/proc/self/fd/${String(directory)}/${SOCKET_NAME}`,
    release: () => {
      closeSync(directory);
    },
  };
}
