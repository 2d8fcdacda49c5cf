/**
 * Filesystems that the kernel's NFS server exports: nfsd is not frozen with the writers' cgroups, so its clients can
 * write through a barrier (T15).
 */
import type { NodeFiles } from '../ports/node-files.js';

/** What clients have asked for since nfsd knows of it: there while it is loaded. */
const ASKED_FOR = '/proc/fs/nfsd/exports';
/** All that exportfs(8) has said that they may; it stays there when no server runs any more. */
const ALLOWED = '/var/lib/nfs/etab';

/** The first export that holds one of these trees or lies in one; null where there is none. */
export async function findExported(
  files: NodeFiles,
  sources: readonly string[],
  { askedFor, allowed } = { askedFor: ASKED_FOR, allowed: ALLOWED },
): Promise<string | null> {
  const served = await files.readText(askedFor).catch(() => null);
  if (served === null) return null;
  const exported = [served, (await files.readText(allowed).catch(() => null)) ?? '']
    .flatMap((text) => text.split('\n'))
    .filter((line) => line.startsWith('/'))
    .map((line) => unescapeOctal(line.split(/\s/)[0] ?? ''));
  return exported.find((path) => sources.some((source) => isInside(source, path) || isInside(path, source))) ?? null;
}

function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
