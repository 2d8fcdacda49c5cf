/** Calls one method of the ZFS driver in a process of its own, which a crash point may end. Prints the answer as JSON. */
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver } from '#src/adapters/driver-zfs/index.js';

const { method, values } = JSON.parse(process.argv[2] ?? '') as { method: string; values: unknown[] };
const driver = createZfsDriver(createCommandRunner()) as unknown as Record<
  string,
  (...values: unknown[]) => Promise<unknown>
>;
process.stdout.write(JSON.stringify((await driver[method]?.(...values)) ?? null));
