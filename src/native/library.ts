/**
 * The one place that loads koffi and the C library. Every other file of this room declares the calls of one concern
 * (locks, renames, syncs, mounts, processes); adapters and the participant use those, never koffi itself.
 *
 * Loading is lazy: a command that makes no such call does not pay for it.
 */
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { SnapcommitError } from '../errors.js';

type Koffi = typeof import('koffi');

const require = createRequire(import.meta.url);
let koffi: Koffi | undefined;
let libc: ReturnType<Koffi['load']> | undefined;

export function loadKoffi(): Koffi {
  try {
    koffi ??= require('koffi') as Koffi;
    return koffi;
  } catch (cause) {
    throw new SnapcommitError(
      'DEPENDENCY_MISSING',
      'the npm package koffi could not be loaded; run npm install',
      {},
      cause,
    );
  }
}

export function loadLibc(): ReturnType<Koffi['load']> {
  libc ??= loadKoffi().load('libc.so.6');
  return libc;
}

/** A failed system call, with its errno's name in `code` as Node's own errors have it. */
export class SystemCallError extends Error {
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, errno: number, subject: string) {
    const code = errnoName(errno);
    super(`${syscall} ${subject}: ${code}`);
    this.name = 'SystemCallError';
    this.code = code;
    this.syscall = syscall;
  }
}

function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === errno) return name;
  return `errno ${String(errno)}`;
}

/** Throws a SystemCallError when `result` is negative; call right after the foreign call, before anything else runs. */
export function checkResult(result: number, syscall: string, subject: string): number {
  if (result < 0) throw new SystemCallError(syscall, loadKoffi().errno(), subject);
  return result;
}
