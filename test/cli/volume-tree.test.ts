/** `volume add --recursive`: what it says, and the line to type next. */
import t from 'tap';
import { TREE } from './fake-answers.js';
import { run } from './fake.js';

const ADD = ['volume', 'add', 'app', '--source', 'tank/app', '--recursive'];

t.test('what was added, what was there, what holds no files, and the groups that lack something', async (t) => {
  const { stdout } = await run(ADD);
  t.match(stdout, /^app +there already +\/tank\/app +\/tank\/\.snapcommit\/app$/m);
  t.match(stdout, /^app-db-logs +added +\/tank\/app\/db\/logs +\/tank\/\.snapcommit\/app-db-logs$/m);
  t.match(stdout, '2 volumes added, 1 there already.\n');
  t.match(stdout, 'tank/app/more holds no files (canmount=off) and is no volume.\n');
  t.match(stdout, /^Next: snapcommit group update all --volume app blobs app-db app-db-logs\n$/m, 'the whole line');
});

t.test('without a group the line makes one; with all of them in it there is none', async (t) => {
  const said = async (tree: Partial<typeof TREE>) =>
    (await run(ADD, { node: { addVolumeTree: async () => Promise.resolve({ ...TREE, ...tree }) } })).stdout;
  t.match(await said({ groups: [] }), /^Next: snapcommit group create app --volume app app-db app-db-logs\n$/m);
  const whole = [{ group: 'all', volumes: ['app', 'app-db', 'app-db-logs'], missing: [] }];
  t.notMatch(await said({ added: [], groups: whole }), 'Next');
  const planned = await said({ dryRun: true });
  t.match(planned, '2 volumes would be added');
  t.notMatch(planned, 'Next');
});

t.test('its document is the library’s own', async (t) => {
  t.same(JSON.parse((await run(['--json', ...ADD])).stdout), TREE);
});
