/** Looking at a promise without waiting for it, and one that is kept on purpose. */

/** What a promise came to, once it has. */
export function watch(work: Promise<unknown>): { readonly came: () => unknown } {
  let came: unknown;
  work.then(
    () => (came = 'answered'),
    (error: unknown) => (came = error),
  );
  return { came: () => came };
}

/** Answers when it is released. */
export function held(): { readonly promise: Promise<null>; readonly release: () => void } {
  let release = (): void => undefined;
  const promise = new Promise<null>((resolve) => {
    release = () => {
      resolve(null);
    };
  });
  return { promise, release };
}
