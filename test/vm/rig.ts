/** The rig of scripts/vm, as the tests beside its guests use it. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Test } from 'tap';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutSeconds?: number;
  readonly onOutput?: (text: string) => void;
}

export interface RunResult {
  /** 255 when the guest went away. */
  readonly status: number | null;
  readonly stdout: string;
  readonly output: string;
}

/** A virtual machine with OpenZFS and btrfs; the project stands in /snapcommit. */
export interface TestGuest {
  /** Resolves with the seconds that it took, when commands can be run. */
  boot(): Promise<number>;
  reboot(): Promise<number>;
  /** Everything that the guest has not flushed to its disks is lost. */
  cutPower(): Promise<void>;
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Its stdout; rejects unless the status is 0. */
  must(argv: readonly string[], options?: RunOptions): Promise<string>;
  remove(): Promise<void>;
  consoleEnd(lines?: number): string;
}

/** A place on the private network of some guests. */
export interface Seat {
  readonly name: string;
  readonly address: string;
}

interface GuestSettings {
  /** In MiB, by the name that it has in /dev/disk/by-id/virtio-NAME. */
  readonly dataDisks?: Readonly<Record<string, number>>;
  readonly memoryMiB?: number;
  readonly network?: Seat;
}

interface RigModule {
  prepareRig(): Promise<object>;
  readonly Guest: { create(rig: object, settings: GuestSettings): Promise<TestGuest> };
}

interface NetworkModule {
  seats(names: readonly string[]): readonly Seat[];
}

const scripts = async (name: string): Promise<unknown> =>
  import(pathToFileURL(join(CHECKOUT, 'scripts', 'vm', name)).href) as Promise<unknown>;

/** A guest that is up; it goes with the test. */
export async function bootGuest(t: Test, settings: GuestSettings): Promise<TestGuest> {
  const { prepareRig, Guest } = (await scripts('guest.mjs')) as RigModule;
  const guest = await Guest.create(await prepareRig(), settings);
  t.teardown(async () => {
    if (!t.passing()) t.comment(`the end of the guest's console:\n${guest.consoleEnd()}`);
    await guest.remove();
  });
  await guest.boot();
  return guest;
}

export async function networkSeats(names: readonly string[]): Promise<readonly Seat[]> {
  return ((await scripts('network.mjs')) as NetworkModule).seats(names);
}

/** Runs a command in the guest until it has printed a line that starts with `word`; resolves with that line, or null when it ended. */
export async function untilItSays(guest: TestGuest, argv: readonly string[], word: string): Promise<string | null> {
  let text = '';
  return new Promise((resolve, reject) => {
    const onOutput = (more: string): void => {
      text += more;
      const line = text
        .split('\n')
        .slice(0, -1)
        .find((each) => each.startsWith(word));
      if (line !== undefined) resolve(line);
    };
    guest.run(argv, { onOutput }).then((result) => {
      if (result.status === 0 || result.status === 255) resolve(null);
      else reject(new Error(`${argv.join(' ')} ended with ${String(result.status)}: ${result.output}`));
    }, reject);
  });
}
