// Running test files inside a guest, one after the other, with what each of them leaves behind there.
import { Guest } from './guest.mjs';
import { say } from './tools.mjs';

/** Prints what could be left behind: what scripts/lib/leftovers.mjs knows of, and pools. */
const STATE = `
  import { machineState } from '/snapcommit/scripts/lib/leftovers.mjs';
  import { execFileSync } from 'node:child_process';
  const pools = execFileSync('zpool', ['list', '-H', '-o', 'name'], { encoding: 'utf8' }).split('\\n').filter((name) => name !== '');
  console.log(JSON.stringify([...machineState(), ...pools.map((name) => 'pool ' + name)]));
`;
/** ssh's own status for a connection that broke: the guest went down. */
const CONNECTION_LOST = 255;

/** Of test/support/until.ts: what takes a second here takes a minute there when the processor is emulated and shared. */
const PATIENCE = { SNAPCOMMIT_TEST_PATIENCE_SECONDS: '120' };

/** A guest for test files; a new one takes its place when it goes down. */
export class TestGuest {
  #rig;
  #guest = null;
  #before = [];

  constructor(rig) {
    this.#rig = rig;
  }

  /** @param {import('./suites.mjs').Suite} suite @returns {Promise<{ result: object, more: string }>} as run.mjs says */
  async run(suite) {
    const guest = await this.#ready();
    const timeoutSeconds = Math.ceil(suite.timeoutMs / 1000);
    const result = await guest.run(['node', `build/test/${suite.name}`], {
      env: { ...PATIENCE, ...suite.env, TAP_TIMEOUT: String(timeoutSeconds) },
      timeoutSeconds,
    });
    if (result.status === CONNECTION_LOST) {
      const more = `      the guest went down; the end of its console:\n${guest.consoleEnd()}\n`;
      await this.release();
      return { result: { ...result, leftProcesses: false }, more };
    }
    const left = await this.#leftBehind(guest);
    // The next file starts on a clean machine.
    if (left.length > 0 || result.timedOut) await this.release();
    const text = left.map((thing) => `${thing}: left behind in the guest\n`).join('');
    return {
      result: {
        ...result,
        status: left.length > 0 ? 1 : result.status,
        output: result.output + text,
        leftProcesses: false,
      },
      more: '',
    };
  }

  async #ready() {
    if (this.#guest !== null) return this.#guest;
    const guest = await Guest.create(this.#rig);
    this.#guest = guest;
    say(
      `the guest is up after ${(await guest.boot()).toFixed(0)} s (OpenZFS ${this.#rig.image.zfs}, ${this.#rig.accelerator})`,
    );
    this.#before = await state(guest);
    return guest;
  }

  /** Loop devices detach, and exports end, a little after their last user: it may take a moment. */
  async #leftBehind(guest) {
    for (let attempt = 0; ; attempt += 1) {
      const now = await state(guest);
      const left = now.filter((thing) => !this.#before.includes(thing));
      if (left.length === 0 || attempt === 3) return left;
    }
  }

  async release() {
    await this.#guest?.remove();
    this.#guest = null;
  }
}

async function state(guest) {
  return JSON.parse(await guest.must(['node', '--input-type=module', '-e', STATE]));
}
