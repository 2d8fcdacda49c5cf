/**
 * Running a user's command where some trees stand at other places (ports/sandbox). The work is done by a launcher that
 * becomes the command; here is what happens before and after it.
 *
 * A command whose path in the private namespace is a plain directory sees the new tree when somebody outside exchanges
 * that path: the caller holds a lock against that and hands it over in `inheritedFds`, so that it outlives us. A
 * program that closes all its descriptors (some daemons do) gives the lock up.
 */
import { SnapcommitError } from '../../errors.js';
import type { Sandbox, SandboxRequest, SandboxResult } from '../../ports/sandbox.js';
import { endCgroup, joinFile, listCgroups, makeCgroup, pidsIn } from './cgroups.js';
import { adoptDescendants, descendantsOf } from './descendants.js';
import { launch, type LaunchEnd } from './launch.js';
import { probeMounts } from './mount-mode.js';
import { holdPlacements } from './placements.js';
import type { LaunchPlacement, LaunchSpecification } from './specification.js';

const INTERRUPTED_STATUS = 128 + 15;

export interface SandboxOptions {
  /** What an interrupted command has between SIGTERM and SIGKILL. */
  readonly graceMs?: number;
  /** How long killed processes may take to go. */
  readonly endMs?: number;
}

interface Limits {
  readonly graceMs: number;
  readonly endMs: number;
}

export function createSandbox({ graceMs = 5_000, endMs = 10_000 }: SandboxOptions = {}): Sandbox {
  const limits = { graceMs, endMs };
  return {
    probe: () => Promise.resolve(probeMounts()),
    run: (request) => run(request, limits),
    endAll: (cgroup) => endCgroup(cgroup, endMs),
    leftovers: () => Promise.resolve(listCgroups()),
  };
}

async function run(request: SandboxRequest, limits: Limits): Promise<SandboxResult> {
  if ((request.command[0] ?? '') === '') throw new SnapcommitError('USAGE', 'no command was given; add -- COMMAND');
  const { placements, letGo } = holdPlacements(request.mount ? request.placements : []);
  try {
    if (request.signal?.aborted === true) return { status: INTERRUPTED_STATUS, cgroup: null, interrupted: true };
    return await runWith(request, placements, limits);
  } finally {
    letGo();
  }
}

async function runWith(
  request: SandboxRequest,
  placements: readonly LaunchPlacement[],
  limits: Limits,
): Promise<SandboxResult> {
  const cgroup = request.cgroup === null ? null : makeCgroup(request.cgroup);
  const specification: LaunchSpecification = {
    cgroupProcs: cgroup === null ? null : joinFile(cgroup),
    mount: request.mount,
    placements,
    workingDirectory: request.workingDirectory,
    command: request.command,
    environment: request.environment,
    inherited: request.inheritedFds.length,
  };
  if (cgroup !== null) return runInCgroup(request, specification, cgroup, limits);
  if (request.cgroup !== null) return runAdopting(request, specification, limits);
  const end = await launch({ request, specification, processes: descendantsOf, graceMs: limits.graceMs });
  return { ...end, cgroup: null };
}

async function runInCgroup(
  request: SandboxRequest,
  specification: LaunchSpecification,
  cgroup: string,
  limits: Limits,
): Promise<SandboxResult> {
  let end: LaunchEnd;
  try {
    end = await launch({ request, specification, processes: () => pidsIn(cgroup), graceMs: limits.graceMs });
  } catch (error) {
    // nothing was started: leave no trace
    await endCgroup(cgroup, limits.endMs);
    throw error;
  }
  return { ...end, cgroup };
}

/** A cgroup was asked for and cannot be had: nobody could end later what the command leaves, so it is ended here. */
async function runAdopting(
  request: SandboxRequest,
  specification: LaunchSpecification,
  limits: Limits,
): Promise<SandboxResult> {
  const descendants = adoptDescendants();
  try {
    const end = await launch({ request, specification, processes: () => descendants.pids(), graceMs: limits.graceMs });
    await descendants.end(limits.endMs);
    return { ...end, cgroup: null };
  } finally {
    descendants.release();
  }
}
