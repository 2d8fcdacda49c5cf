/** Calls one method of the btrfs driver in a process of its own, which a crash point may end. Prints the answer as JSON. */
import { createBtrfsDriver } from '#src/adapters/driver-btrfs/index.js';

const { method, values } = JSON.parse(process.argv[2] ?? '') as { method: string; values: unknown[] };
const driver = createBtrfsDriver() as unknown as Record<string, (...values: unknown[]) => Promise<unknown>>;
process.stdout.write(JSON.stringify((await driver[method]?.(...values)) ?? null));
