/** One frame in, one frame out, then the end: the whole life of a connection that asks for a certificate. */
import type { TLSSocket } from 'node:tls';
import type { Timers } from '../../ports/timers.js';
import { encodeFrame, FrameDecoder, type Frame } from '../../wire/frames.js';
import { EXCHANGE_BYTES_MAX, EXCHANGE_MS } from './join-protocol.js';

/** @throws Error when it does not come in time, the connection ends before, or what comes is no frame. */
export async function readFrame(socket: TLSSocket, timers: Timers): Promise<Frame> {
  const decoder = new FrameDecoder(EXCHANGE_BYTES_MAX);
  return new Promise((resolve, reject) => {
    const cancel = timers.after(EXCHANGE_MS, () => {
      fail(new Error(`nothing came within ${String(EXCHANGE_MS)} ms`));
    });
    const fail = (error: Error): void => {
      cancel();
      reject(error);
      socket.destroy();
    };
    socket.on('error', fail);
    socket.once('close', () => {
      fail(new Error('the connection was closed'));
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of decoder.push(chunk)) {
          cancel();
          resolve(frame);
          return;
        }
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

/** Sends it and ends; whoever does not take it in time is cut off. */
export function endWith(socket: TLSSocket, timers: Timers, kind: number, payload: Uint8Array): void {
  const cancel = timers.after(EXCHANGE_MS, () => socket.destroy());
  socket.once('close', cancel);
  socket.end(encodeFrame(kind, payload));
}
