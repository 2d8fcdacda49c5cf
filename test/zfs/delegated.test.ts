/** An ordinary user with what the README says that `zfs allow` must give: captures, without root. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver } from '#src/adapters/driver-zfs/index.js';
import { makePool, property, zfs } from '../support/zfs.js';

const NOBODY = 65_534;
/** As in the README, "ZFS without root". */
const ALLOWED = 'create,destroy,hold,mount,release,rename,snapshot,userprop';
const CHILD = fileURLToPath(new URL('../support/driver-zfs-child.js', import.meta.url));

const pool = makePool(t);
chmodSync(pool.directory, 0o711);

interface Answer {
  readonly value: unknown;
  readonly error: string;
}

function asNobody(method: string, ...values: readonly unknown[]): Answer {
  const request = JSON.stringify({ method, values });
  const { status, stdout, stderr } = spawnSync(process.execPath, [CHILD, request], {
    encoding: 'utf8',
    uid: NOBODY,
    gid: NOBODY,
    cwd: '/',
  });
  return status === 0 ? { value: JSON.parse(stdout), error: '' } : { value: null, error: stderr };
}

void t.test('a user without root captures, publishes and prunes what was delegated to him', async (t) => {
  const place = { name: 'db', source: pool.dataset('db'), publishDirectory: join(pool.mount, '.snapcommit', 'db') };
  await createZfsDriver(createCommandRunner()).prepare(place);
  chownSync(place.publishDirectory, NOBODY, NOBODY);
  chownSync(place.source, NOBODY, NOBODY);
  const denied = asNobody('stage', place, '.staged~0');
  t.match(denied.error, /DENIED|zfs allow/, 'without the delegation he is told of it');
  zfs('allow', '-u', 'nobody', ALLOWED, `${pool.pool}/db`);
  writeFileSync(join(place.source, 'file'), 'content');
  t.same(asNobody('prepare', place), { value: null, error: '' }, 'what root has prepared stays');
  t.same(asNobody('flush', place), { value: null, error: '' });
  const staged = asNobody('stage', place, '.staged~1');
  t.equal(staged.error, '');
  t.equal(asNobody('rename', place, '.staged~1', 'app@1').value, 'renamed');
  t.same(asNobody('sync', place).error, '');
  t.match(asNobody('lookup', place, 'app@1').value, staged.value);
  t.equal(property(`${pool.pool}/db@app:1`, 'userrefs'), '1');
  t.match(
    (asNobody('inspect', 'db', place.source, place.publishDirectory).value as { exchange: unknown }).exchange,
    { possible: false, reason: /root/ },
    'replacing the live tree needs root',
  );
  t.equal(asNobody('remove', place, ['app@1']).error, '');
  t.same(asNobody('list', place).value, []);
});
