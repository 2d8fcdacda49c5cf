/**
 * A small process of its own: it joins the command's cgroup, puts the trees in place, enters the working directory and
 * becomes the command, so that pid, stdio, exit status and signals are the command's own. It never touches stdin or
 * stdout, starts nothing, and makes mounts only when it was started inside a private mount namespace.
 */
import { closeSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { SnapcommitError } from '../../errors.js';
import { openPlainPlace } from '../../native/at.js';
import { SystemCallError } from '../../native/library.js';
import { bindMount, bindMountReadOnly } from '../../native/mounts.js';
import { dropAmbientCapabilities, execute, keepAcrossExec, restoreSignals } from '../../native/processes.js';
import { CHANNEL_FD, parseSpecification } from './specification.js';
import type { LaunchPlacement, LaunchReply, LaunchSpecification } from './specification.js';

const STDERR = 2;
const STATUS_NOT_EXECUTABLE = 126;
const STATUS_NOT_FOUND = 127;
/** What execvp uses where the environment has no PATH. */
const DEFAULT_PATH = '/bin:/usr/bin';
/** A failure of these says that private mounts do not work here. */
const MOUNT_CALLS = new Set(['mount', 'open_tree', 'mount_setattr', 'move_mount']);

function main(): number {
  const text = readLine();
  // The parent died before it said anything: start nothing.
  if (text === '') return STATUS_NOT_EXECUTABLE;
  const specification = parseSpecification(text);
  try {
    prepare(specification);
  } catch (error) {
    reply(failure(error));
    return STATUS_NOT_EXECUTABLE;
  }
  reply({ status: 'ready' });
  return becomeCommand(specification);
}

function prepare(specification: LaunchSpecification): void {
  // Before anything else, so that whatever becomes of us is found in the cgroup.
  if (specification.cgroupProcs !== null) writeFileSync(specification.cgroupProcs, '0');
  if (specification.mount) {
    place(specification.placements);
    // a user namespace gave them to us for the mounts only
    dropAmbientCapabilities();
  }
  enter(specification.workingDirectory);
  for (const fd of [0, 1, STDERR]) keepAcrossExec(fd);
  for (let index = 1; index <= specification.inherited; index += 1) keepAcrossExec(CHANNEL_FD + index);
  restoreSignals();
}

function place(placements: readonly LaunchPlacement[]): void {
  // All sources are opened first: a source may lie below a live path that an earlier placement covers.
  const sources = placements.map((placement) => ({ placement, source: openDirectory(placement.from) }));
  for (const { placement, source } of sources) {
    // Mounted over what is open, and not by its name: the owner of a directory above may turn that to anywhere else.
    const target = openDirectory(placement.at);
    const mount = placement.readOnly ? bindMountReadOnly : bindMount;
    mount(source, target, `${placement.from} over ${placement.at}`);
    closeSync(target);
  }
  for (const { source } of sources) closeSync(source);
}

function openDirectory(path: string): number {
  try {
    return openPlainPlace(path);
  } catch (cause) {
    const message = `${path} is no plain directory there (${reason(cause)}); see who changes it or what is above it`;
    throw new SnapcommitError('SOURCE_INVALID', message, {}, cause);
  }
}

function enter(workingDirectory: string): void {
  try {
    // Looked up only now: a working directory from before the mounts would still be the live, writable tree.
    process.chdir(workingDirectory);
  } catch (cause) {
    const message = `the working directory ${workingDirectory} cannot be entered in the trees that the command is to see (${reason(cause)}); start from a directory that they have`;
    throw new SnapcommitError('USAGE', message, {}, cause);
  }
}

/** Tries what execvp tries, except that a file without `#!` is never given to a shell. Returns only on failure. */
function becomeCommand(specification: LaunchSpecification): number {
  const name = specification.command[0] ?? '';
  let refused: SystemCallError | null = null;
  for (const candidate of candidates(name, specification.environment['PATH'] ?? DEFAULT_PATH)) {
    const error = execute(candidate, specification.command, specification.environment);
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') continue;
    refused ??= error;
    if (error.code !== 'EACCES') break;
  }
  if (refused === null) {
    complain(`${name}: command not found`);
    return STATUS_NOT_FOUND;
  }
  const advice = refused.code === 'ENOEXEC' ? 'it is no program and has no #! line' : refused.code;
  complain(`${name}: cannot be executed (${advice})`);
  return STATUS_NOT_EXECUTABLE;
}

function candidates(name: string, path: string): readonly string[] {
  if (name === '') return [];
  if (name.includes('/')) return [name];
  return path.split(':').map((directory) => (directory === '' ? `./${name}` : `${directory}/${name}`));
}

function readLine(): string {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(65536);
    const length = readSync(CHANNEL_FD, chunk);
    if (length === 0) return '';
    chunks.push(chunk.subarray(0, length));
    if (chunk[length - 1] === 0x0a) return Buffer.concat(chunks).toString('utf8');
  }
}

function reply(message: LaunchReply): void {
  try {
    writeSync(CHANNEL_FD, `${JSON.stringify(message)}\n`);
  } catch (error) {
    // The parent is gone. Its locks and the cgroup are ours by now, so a recovery finds us; starting is wrong all the same.
    complain(`the parent process is gone (${reason(error)}); not started`);
    process.exit(STATUS_NOT_EXECUTABLE);
  }
}

function failure(error: unknown): LaunchReply {
  if (error instanceof SnapcommitError) return { status: 'failed', code: error.code, message: error.message };
  const code = error instanceof SystemCallError && MOUNT_CALLS.has(error.syscall) ? 'UNSUPPORTED' : 'UNAVAILABLE';
  return { status: 'failed', code, message: `the command was not started: ${reason(error)}` };
}

function complain(message: string): void {
  writeSync(STDERR, `snapcommit: ${message}\n`);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

process.exitCode = main();
