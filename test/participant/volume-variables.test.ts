import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { volumeVariables } from '#src/participant/volume-variables.js';

await t.test('every volume has a variable of its own', async (t) => {
  const variables = volumeVariables([
    { volume: 'db', path: '/srv/db' },
    { volume: 'wal-2', path: '/srv/wal' },
  ]);
  t.strictSame(variables, { SNAPCOMMIT_VOLUME_DB: '/srv/db', SNAPCOMMIT_VOLUME_WAL_2: '/srv/wal' });
});

await t.test('two names for one variable are refused, so that neither hides the other', async (t) => {
  const trees = ['a-b', 'a.b'].map((volume) => ({ volume, path: `/srv/${volume}` }));
  t.throws(() => volumeVariables(trees), SnapcommitError);
  try {
    volumeVariables(trees);
  } catch (error) {
    t.match(error, { code: 'USAGE', details: { volumes: ['a-b', 'a.b'] } });
  }
});
