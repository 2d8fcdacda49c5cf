/**
 * The small HTTP server for metrics: GET /metrics and nothing else. What it says is no secret, but anybody who reaches
 * the address reads it: a port alone is one of the loopback, and without `metricsListen` in config.json nothing is served.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SnapcommitError } from '../errors.js';
import type { PeerAddress } from '../ports/transport.js';
import { formatAddress } from './cluster/address.js';
import type { Metrics } from './metrics.js';

export interface MetricsServer {
  /** `host:port`, with the port that was really taken. */
  readonly address: string;
  close(): Promise<void>;
}

/** @throws UNAVAILABLE when the address cannot be had. */
export async function serveMetrics(
  metrics: Metrics,
  { host, port }: PeerAddress,
  onError: (error: Error) => void,
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(request.method === 'GET' ? 404 : 405).end();
      return;
    }
    metrics.registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.requestTimeout = 5000;
  server.headersTimeout = 5000;
  server.maxConnections = 16;
  await listening(server, host, port);
  server.on('error', onError);
  const taken = server.address() as AddressInfo;
  return {
    address: formatAddress({ host: taken.address, port: taken.port }),
    close: async () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      const message = `the metrics cannot be served on ${host}:${String(port)}: ${error.message}. Name another port as metricsListen in config.json`;
      reject(new SnapcommitError('UNAVAILABLE', message, { host, port }, error));
    };
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });
}
