// How execa, which runs other programs for us, becomes one file: esbuild's options, and what of it waits until it is used.
import { readFileSync } from 'node:fs';
import { bundleOptions, replaced } from './command-line.mjs';
import { builtinsOnUse } from './load-on-use.mjs';

/** By the file of execa's: parts of its text, and what stands there instead. */
const CHANGES = {
  // Two tables of all signals, for a sentence about a program that one of them ended.
  'terminate/signal.js': [
    ["import {signalsByName} from 'human-signals';", ''],
    ['signalsByName[signal]', "require('human-signals').signalsByName[signal]"],
  ],
  // How it says what it does on a terminal, which nobody asks of it.
  'verbose/log.js': [
    [
      "import {defaultVerboseFunction} from './default.js';",
      "const defaultVerboseFunction = (...all) => require('./default.js').defaultVerboseFunction(...all);",
    ],
  ],
  // Our own streams, which Node makes when they are first looked at: they are known by their descriptors before.
  'utils/standard-stream.js': [
    ['STANDARD_STREAMS.includes(stream)', '[0, 1, 2].includes(stream?.fd) && STANDARD_STREAMS.includes(stream)'],
    [
      '[process.stdin, process.stdout, process.stderr];',
      'new Proxy([], {get: (none, name) => [process.stdin, process.stdout, process.stderr][name]});',
    ],
  ],
  // Nothing here waits for a program without doing anything else.
  'methods/create.js': [["import {execaCoreSync} from './main-sync.js';", 'const execaCoreSync = null;']],
};

/** Few commands run other programs, so what runs them stays out of the other files. */
export function execaOptions(outfile) {
  return { ...bundleOptions(outfile, "export { execa } from 'execa';"), plugins: [changed, builtinsOnUse] };
}

const changed = {
  name: 'execa-changed',
  setup(own) {
    own.onLoad({ filter: /\/execa\/lib\// }, ({ path }) => {
      const changes = CHANGES[path.split('/execa/lib/')[1]] ?? [];
      return {
        contents: changes.reduce((text, [part, by]) => replaced(path, part, by, text), readFileSync(path, 'utf8')),
      };
    });
  },
};
