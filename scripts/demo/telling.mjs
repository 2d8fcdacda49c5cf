// How every story is told: what it makes is taken away again, also when it fails or is interrupted.
import { Narrator } from './narrator.mjs';

/**
 * Tells a story; answers the exit status. `tell` gets the narrator and `use`, which it calls with each thing that it has
 * made: one with `stop()`, which ends what runs in it, and `clean()`, which takes it away at once and synchronously.
 */
export async function tellStory({ json }, tell) {
  const narrator = new Narrator({ json });
  const props = [];
  const use = (prop) => {
    props.unshift(prop);
    return prop;
  };
  const interrupted = (signal) => {
    for (const prop of props) prop.clean();
    process.stderr.write(`\ndemo: interrupted, everything is cleaned up\n`);
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', interrupted);
  let failure = null;
  try {
    await tell(narrator, use);
  } catch (error) {
    failure = error;
  }
  for (const prop of props) await prop.stop();
  for (const prop of props) prop.clean();
  process.off('SIGINT', interrupted);
  process.off('SIGTERM', interrupted);
  if (failure === null) narrator.note('Everything that the demo made is gone again.');
  narrator.end(failure);
  return failure === null ? 0 : 1;
}

/** What a story on several machines says on each of them. */
export class Teller {
  #narrator;

  constructor(narrator) {
    this.#narrator = narrator;
  }

  /** A command as somebody at that machine types it. */
  async on(machine, args, options = {}) {
    const { stateDirectory, name: on, within } = machine;
    return this.#narrator.snapcommit(args, { stateDirectory, on, within, ...options });
  }

  /** A command's document, not shown. */
  async ask(machine, args) {
    return this.#narrator.ask(args, machine.stateDirectory);
  }

  async start(machine) {
    this.#narrator.note(`${machine.name}# snapcommit daemon &`);
    await machine.startDaemon();
  }

  /** A machine joins as a learner: `by` makes the token, in a file. */
  async join(machine, by) {
    const token = `${machine.stateDirectory}.token`;
    await this.on(by, ['cluster', 'token', '--out', token]);
    const line = ['cluster', 'join', '--token-file', token, '--node', machine.name, '--address', machine.address];
    await this.on(machine, line);
    await this.start(machine);
  }

  async until(what, condition) {
    for (let left = 300; !(await condition()); left -= 1) {
      if (left === 0) throw new Error(`waited in vain: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
