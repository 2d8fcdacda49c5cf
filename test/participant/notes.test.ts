/** What a node notes for itself in its state directory, beside other processes that take notes away. */
import { join } from 'node:path';
import t from 'tap';
import { readClosed } from '#src/participant/closed-trees.js';
import { readDebts } from '#src/participant/owed.js';
import { ParticipantNode } from './participant-node.js';

t.test('a note that is gone between listing and reading is none; one that cannot be read is told', async (t) => {
  const { context } = await ParticipantNode.make(t);
  const warnings: string[] = [];
  const files = {
    ...context.files,
    listNames: async () => Promise.resolve(['gone.json']),
    readText: async (): Promise<string | null> => Promise.resolve(text),
  };
  const reading: typeof context = {
    ...context,
    files,
    report: (progress) => {
      if (progress.kind === 'warning') warnings.push(progress.message);
    },
  };
  let text: string | null = null;
  t.same([await readDebts(reading), await readClosed(reading)], [[], []]);
  t.same(warnings, []);
  text = '';
  t.same([await readDebts(reading), await readClosed(reading)], [[], []]);
  t.match(warnings, [
    new RegExp(`^cannot read ${join(context.stateDirectory, 'owed', 'gone.json')}`),
    new RegExp(`^cannot read ${join(context.stateDirectory, 'closed', 'gone.json')}`),
  ]);
});
