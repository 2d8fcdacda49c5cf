/**
 * The daemon's end of the local API: one unix socket, mode 0600 in a directory of mode 0700. Requests of one connection
 * are worked on side by side; whoever sends more than it may have open is read no further until some are answered.
 *
 * The caller holds the daemon's kernel lock (daemon-lock.ts), so a socket that stands there belongs to nobody.
 */
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { SnapcommitError } from '../../errors.js';
import { ServedConnection } from './served-connection.js';
import type { LocalService } from './service.js';
import { socketAddress, socketFile } from './socket-path.js';

const CONNECTIONS_MAX = 256;

export interface LocalServer {
  /** Refuses what comes, lets what is being worked on end, and removes the socket. Nothing makes it wait for long. */
  close(): Promise<void>;
}

export interface LocalServerOptions {
  readonly stateDirectory: string;
  readonly service: LocalService;
  /** Hears of a connection that was cut off, and why. */
  readonly onRefused: (reason: string) => void;
}

export async function serveLocally(options: LocalServerOptions): Promise<LocalServer> {
  const { stateDirectory, service, onRefused } = options;
  const connections = new Set<ServedConnection>();
  const server = createServer((socket) => {
    if (connections.size >= CONNECTIONS_MAX) {
      onRefused(`${String(CONNECTIONS_MAX)} connections are open`);
      socket.destroy();
      return;
    }
    const connection = new ServedConnection(socket, service, onRefused);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  await listen(server, stateDirectory);
  server.on('error', (error) => {
    onRefused(`a connection could not be taken: ${error.message}`);
  });
  return {
    async close() {
      rmSync(socketFile(stateDirectory), { force: true });
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      await Promise.all([...connections].map(async (connection) => connection.end()));
      await closed;
    },
  };
}

async function listen(server: Server, stateDirectory: string): Promise<void> {
  rmSync(socketFile(stateDirectory), { force: true });
  const address = socketAddress(stateDirectory);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // `listen` binds before it returns, and the name appears with the umask's mode: nobody else may connect, not even
      // for the moment before a chmod.
      const umask = process.umask(0o177);
      server.listen(address.path, () => {
        server.off('error', reject);
        resolve();
      });
      process.umask(umask);
    });
  } catch (error) {
    const file = socketFile(stateDirectory);
    const reason = error instanceof Error ? error.message : String(error);
    throw new SnapcommitError('UNAVAILABLE', `the daemon cannot listen on ${file}: ${reason}`, { file }, error);
  } finally {
    address.release();
  }
}
