/** What `install-units` tells systemd: on the running machine, or in another root directory, where none runs. */
import { access } from 'node:fs/promises';
import { SnapcommitError } from '../../errors.js';
import type { CommandRunner } from '../../ports/commands.js';

const SYSTEMCTL = '/usr/bin/systemctl';
/** sd_booted(3): there as long as systemd is the init. */
const RUNNING = '/run/systemd/system';
const LIMIT_MS = 60_000;

export interface Systemd {
  /** Where units of administrators lie. */
  readonly unitDirectory: string;
  /** Makes it read the units again, where it runs. */
  reload(): Promise<void>;
  enable(units: readonly string[]): Promise<void>;
  /** Also instances of templates. Nothing is stopped. */
  disable(units: readonly string[]): Promise<void>;
}

/** `root`: `/` is this machine. */
export function systemdOf(root: string, runner: CommandRunner): Systemd {
  const isHere = root === '/';
  const place = isHere ? [] : [`--root=${root}`];
  const systemctl = async (words: readonly string[]): Promise<void> => {
    const { status, stderr } = await runner.run(SYSTEMCTL, [...place, '--quiet', ...words], { timeoutMs: LIMIT_MS });
    if (status === 0) return;
    const command = `systemctl ${[...place, ...words].join(' ')}`;
    throw new SnapcommitError('UNAVAILABLE', `\`${command}\` failed: ${stderr.trim()}. The unit files stand as told.`, {
      command,
    });
  };
  return {
    unitDirectory: `${isHere ? '' : root}/etc/systemd/system`,
    async reload() {
      if (isHere && (await exists(RUNNING))) await systemctl(['daemon-reload']);
    },
    enable: async (units) => systemctl(['enable', '--', ...units]),
    disable: async (units) => systemctl(['disable', '--', ...units]),
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
