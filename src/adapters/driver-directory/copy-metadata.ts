/**
 * What a copy takes over besides its content: owner, group, extended attributes, mode and times.
 *
 * Extended attributes: `user.*` and the access control lists always; `trusted.*` and `security.*` (capabilities) as
 * root; SELinux labels are left to the kernel's policy, and what filesystems invent for themselves is not copied.
 */
import type { BigIntStats } from 'node:fs';
import { chmod, lchown, type FileHandle } from 'node:fs/promises';
import { SnapcommitError } from '../../errors.js';
import { getXattr, listXattrs, setTimes, setXattr } from '../../native/file-metadata.js';
import { errnoOf } from './failures.js';

const PERMISSIONS = 0o7777n;

/**
 * `source`: a path, or the descriptor of what is copied, which also serves where its name is gone. `target`: what is open,
 * or a path in a directory that nobody else may change, since a symlink that came there meanwhile would be followed.
 */
export async function copyMetadata(
  source: Buffer | number,
  status: BigIntStats,
  target: Buffer | FileHandle,
  path: string,
): Promise<void> {
  await copyOwner(status, target, path);
  const attributes = listXattrs(source).filter(isCopied);
  if (!status.isSymbolicLink()) {
    // an attribute can be set only on what its owner may write to
    if (attributes.length > 0) await setMode(target, 0o700);
    copyAttributes(source, target, attributes);
    await setMode(target, Number(status.mode & PERMISSIONS));
  } else {
    copyAttributes(source, target, attributes);
  }
  setTimes(fileOf(target), status.atimeNs, status.mtimeNs);
}

function setMode(target: Buffer | FileHandle, mode: number): Promise<void> {
  return Buffer.isBuffer(target) ? chmod(target, mode) : target.chmod(mode);
}

function fileOf(target: Buffer | FileHandle): Buffer | number {
  return Buffer.isBuffer(target) ? target : target.fd;
}

/** A copy with another owner would hand the file to somebody else at the first restore: refused, never silent. */
async function copyOwner(status: BigIntStats, target: Buffer | FileHandle, path: string): Promise<void> {
  const [uid, gid] = [Number(status.uid), Number(status.gid)];
  try {
    await (Buffer.isBuffer(target) ? lchown(target, uid, gid) : target.chown(uid, gid));
  } catch (error) {
    if (!['EPERM', 'EINVAL'].includes(errnoOf(error))) throw error;
    const owner = `${String(status.uid)}:${String(status.gid)}`;
    throw new SnapcommitError(
      'STAGE_FAILED',
      `${path} belongs to ${owner}, which a copy made by this user cannot keep, so nothing was kept; run as root, or change its owner`,
      { path, owner },
      error,
    );
  }
}

function copyAttributes(source: Buffer | number, target: Buffer | FileHandle, names: readonly string[]): void {
  for (const name of names) {
    const value = getXattr(source, name);
    if (value !== null) setXattr(fileOf(target), name, value);
  }
}

/** Whether we copy, and digest, the attribute of this name. */
export function isCopied(name: string): boolean {
  if (name.startsWith('user.') || name.startsWith('system.posix_acl_')) return true;
  if (process.geteuid?.() !== 0) return false;
  return name.startsWith('trusted.')
    ? !name.startsWith('trusted.overlay.')
    : name.startsWith('security.') && name !== 'security.selinux';
}
