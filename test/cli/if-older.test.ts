/** `commit --if-older-than`: a retry, and the same job on another node, make no second generation. */
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { run } from './fake.js';
import { GENERATION, GROUP } from './fake-answers.js';

const LINE = ['commit', 'app', '--if-older-than', '10m'];

/** A generation committed so long ago; a negative age: in the future. */
function aged(ageMs: number, generation = 12) {
  return { ...GENERATION, generation, committedAt: new Date(Date.now() - ageMs).toISOString() };
}

t.test('a newest generation that is young enough is the answer', async (t) => {
  const ran = await run(LINE, { node: { show: async () => Promise.resolve(aged(60_000)) } });
  t.equal(ran.status, 0);
  t.match(ran.stdout, /^app@12 was committed .*: no new one was made\.\n$/);
  t.notOk(ran.calls.some(({ method }) => method === 'commit'));
  const behind = await run(LINE, { node: { show: async () => Promise.resolve(aged(-30_000)) } });
  t.notOk(
    behind.calls.some(({ method }) => method === 'commit'),
    'nor by the clock of a node that is a little ahead',
  );
});

t.test('an older one, one from the far future, and none at all are followed by a new one', async (t) => {
  for (const ageMs of [700_000, -700_000]) {
    const ran = await run(LINE, { node: { show: async () => Promise.resolve(aged(ageMs)) } });
    t.match(ran.calls.find(({ method }) => method === 'commit')?.args, [{ group: 'app', expectGeneration: 12 }, false]);
    t.match(ran.stdout, /^app@12 committed: grade/);
  }
  const none = await run([...LINE, '--wait'], {
    node: { group: async () => Promise.resolve({ ...GROUP, generation: 0 }) },
  });
  t.match(none.calls.find(({ method }) => method === 'commit')?.args, [{ expectGeneration: 0 }, true]);
});

t.test('L3 of two that ask at once one commits, and the other answers with that', async (t) => {
  const refused = new SnapcommitError('EXPECTATION_FAILED', 'group app is at app@13');
  let newest = aged(700_000);
  const node = {
    show: async () => Promise.resolve(newest),
    commit: async () => {
      newest = aged(0, 13);
      return Promise.reject(refused);
    },
  };
  const ran = await run(['--json', ...LINE], { node });
  t.match(JSON.parse(ran.stdout), { generation: 13 });
  t.equal(ran.status, 0);
  const stillOld = await run(LINE, { node: { ...node, show: async () => Promise.resolve(aged(700_000)) } });
  t.equal(stillOld.status, 4, 'an old one that came in between is none');
});

t.test('L3 one that is pruned behind a newer one, before it is looked at, is not the newest any more', async (t) => {
  const pruned = new SnapcommitError('GENERATION_NOT_FOUND', 'there is no generation app@12');
  let generation = 11;
  const node = {
    group: async () => Promise.resolve({ ...GROUP, generation: ++generation }),
    show: async () => (generation === 12 ? Promise.reject(pruned) : Promise.resolve(aged(0, generation))),
  };
  const ran = await run(['--json', ...LINE], { node });
  t.match(JSON.parse(ran.stdout), { generation: 13 });
  const lost = await run(LINE, { node: { show: async () => Promise.reject(pruned) } });
  t.equal(lost.status, 3, 'one that stays the newest and cannot be found is told');
});

t.test('L6 one that is not published yet is published first, or told as pending', async (t) => {
  let state: 'committed' | 'published' = 'committed';
  const show = async () => Promise.resolve({ ...aged(0), state });
  const answer = { group: 'app', generation: 12, view: '/view', volumes: {} };
  const finishing = async () => {
    state = 'published';
    return Promise.resolve(answer);
  };
  const ran = await run(['--json', ...LINE], { node: { show, open: finishing } });
  t.equal(ran.status, 0, ran.stdout);
  t.match(JSON.parse(ran.stdout), { generation: 12, state: 'published' });

  state = 'committed';
  const elsewhere = await run(['--json', ...LINE], { node: { show, open: async () => Promise.resolve(answer) } });
  t.equal(elsewhere.status, 9, 'another node is not done');
  t.match(JSON.parse(elsewhere.stdout), {
    error: { code: 'PUBLISH_PENDING', details: { group: 'app', generation: 12 } },
  });
  t.notOk(elsewhere.calls.some(({ method }) => method === 'commit'));
  const failing = new SnapcommitError('PUBLISH_PENDING', 'generation app@12 is committed');
  t.equal((await run(LINE, { node: { show, open: async () => Promise.reject(failing) } })).status, 9);
});

t.test('G13 a young one of a lower grade than a commit must reach does not count', async (t) => {
  const consistency = { ...GENERATION.consistency, grade: 'independent' } as const;
  const show = async () => Promise.resolve({ ...aged(0), consistency });
  const asked = await run([...LINE, '--require', 'application'], {
    node: { show: async () => Promise.resolve(aged(0)) },
  });
  t.match(asked.calls.find(({ method }) => method === 'commit')?.args, [
    { require: 'application', expectGeneration: 12 },
  ]);
  const byGroup = await run(LINE, { node: { show } });
  t.ok(
    byGroup.calls.some(({ method }) => method === 'commit'),
    'the group requires barrier',
  );
  const weaker = await run([...LINE, '--require', 'independent'], { node: { show } });
  t.notOk(
    weaker.calls.some(({ method }) => method === 'commit'),
    'what is asked here goes before what the group asks',
  );
  const refused = new SnapcommitError('EXPECTATION_FAILED', 'group app is at app@13');
  const beaten = await run(LINE, { node: { show, commit: async () => Promise.reject(refused) } });
  t.equal(beaten.status, 4, 'nor one that came in between');
});

t.test('what went wrong in the commit is told as it is', async (t) => {
  const busy = async (): Promise<never> => Promise.reject(new SnapcommitError('BUSY', 'group app is busy'));
  t.equal((await run(LINE, { node: { commit: busy } })).status, 4);
});

t.test('it stands for itself', async (t) => {
  for (const other of ['--dry-run', '--expect-generation 3', '--request-id x']) {
    const ran = await run([...LINE, ...other.split(' ')]);
    t.equal(ran.status, 2, other);
    t.match(ran.stderr, `goes without ${other.split(' ')[0] ?? ''}.`);
  }
  t.equal((await run(['commit', 'app', '--if-older-than', 'soon'])).status, 2);
});
