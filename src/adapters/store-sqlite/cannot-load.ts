/** The failure of whoever runs snapcommit by another Node than the one that installed it, or without its optional packages. */
import { SnapcommitError } from '../../errors.js';

export function cannotLoad(cause: unknown): SnapcommitError {
  const node = process.versions.node;
  return new SnapcommitError(
    'DEPENDENCY_MISSING',
    `SQLite, which keeps the log, could not be loaded by Node ${node}; nothing was changed. Install snapcommit's packages again with this Node, the optional ones included: npm ci --include=optional`,
    { node },
    cause,
  );
}

/** SQLite's package is there, but its native part is made for another Node: that is found out when it is first opened. */
export function isNotLoaded(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_DLOPEN_FAILED';
}
