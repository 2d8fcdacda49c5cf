/** What a daemon asks of V8, which is made for pages and for programs that compute. */

/** `nodeVersion`: as process.versions.node. Only what this version knows: of anything else V8 complains, on standard error. */
export function daemonEngineFlags(nodeVersion: string): readonly string[] {
  // V8 collects new objects with helper threads, which it wakes and waits for each time. What a daemon has of them is a
  // few megabytes; on a machine whose processors others use as well, waiting costs more than it saves.
  const always = ['--no-parallel-scavenge'];
  // V8 compiles what runs often after a count that is meant for programs that compute. A daemon comes by a few thousand
  // times in an hour, and each time somebody waits for it: it is worth compiling far sooner. Newer ones count otherwise.
  return nodeVersion.startsWith('20.') ? [...always, '--interrupt-budget=10000'] : always;
}
