/** The ioctl system call with one buffer as its argument, and the arithmetic of request numbers. */
import type { ForeignFunction } from './call.js';
import { checkResult, loadLibc } from './library.js';

const WRITE = 1;
const READ = 2;

export function requestRead(type: number, number: number, bytes: number): number {
  return request(READ, type, number, bytes);
}
export function requestWrite(type: number, number: number, bytes: number): number {
  return request(WRITE, type, number, bytes);
}
export function requestReadWrite(type: number, number: number, bytes: number): number {
  return request(READ | WRITE, type, number, bytes);
}
function request(direction: number, type: number, number: number, bytes: number): number {
  // multiplied, not shifted: the top bit would make it negative
  return direction * 2 ** 30 + bytes * 2 ** 16 + type * 2 ** 8 + number;
}

let declared: ForeignFunction | undefined;

/** Throws a SystemCallError. The kernel reads from and writes to `argument`. */
export function ioctl(fd: number, request: number, argument: Buffer, name: string, subject: string): void {
  declared ??= loadLibc().func('int ioctl(int fd, ulong request, void *argument)');
  checkResult(declared(fd, request, argument), name, subject);
}
