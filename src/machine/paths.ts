/** Paths as text: whether one lies in another. PURE: no look-up, no symlinks; whoever adds a volume resolves them. */

/** Absolute, with no empty, `.` or `..` component and no slash at the end (`/` itself is allowed). */
export function isPlainPath(path: string): boolean {
  if (path === '/') return true;
  if (!path.startsWith('/') || path.includes('\0')) return false;
  return path
    .slice(1)
    .split('/')
    .every((component) => component !== '' && component !== '.' && component !== '..');
}

/** Whether `inner` is `outer` or lies in it. */
export function contains(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  return inner.startsWith(outer.endsWith('/') ? outer : `${outer}/`);
}

/** Whether they are equal, or one is an ancestor of the other. */
export function overlaps(a: string, b: string): boolean {
  return contains(a, b) || contains(b, a);
}
