/** Where keys and certificates lie, what is left of those who died, and when a certificate is due for another. */
import { chmod, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { CredentialFiles, inspectCertificate, isRenewalDue } from '#src/adapters/certificates/index.js';
import { temporaryDirectory } from '../support/temp.js';
import { authority, CLUSTER, credentialsOf } from '../support/transport.js';

t.test('keys lie in files of mode 0600 in a directory of mode 0700', async (t) => {
  const directory = join(temporaryDirectory(t), 'tls');
  const files = new CredentialFiles(directory);
  t.same([await files.readCredentials(), await files.readAuthority()], [null, null]);
  const credentials = await credentialsOf('a');
  await files.writeCredentials(credentials);
  await files.writeAuthority(await authority());
  t.same([await files.readCredentials(), await files.readAuthority()], [credentials, await authority()]);
  t.equal((await stat(directory)).mode & 0o777, 0o700);
  for (const name of await readdir(directory)) t.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name);
});

t.test('a certificate is due for renewal when a third of its life is left, and before its time', async (t) => {
  const issuer = inspectCertificate((await authority()).certificate);
  const due = async (ageDays: number, now = Date.now()) =>
    isRenewalDue(inspectCertificate((await credentialsOf('b', { ageDays })).certificate), issuer, now);
  t.same([await due(80), await due(10)], [true, false]);
  t.equal(await due(-365), true, 'a clock that was a year ahead has been set right');
  t.equal(await due(-365, issuer.validFrom - 1), false, 'a clock from before the cluster is the one that is wrong');
});

t.test('the key of an application is kept until the node has joined', async (t) => {
  const directory = join(temporaryDirectory(t), 'tls');
  const name = { cluster: CLUSTER, node: 'a' };
  const made = await new CredentialFiles(directory).applicationKeys(name);
  const files = new CredentialFiles(directory);
  t.same(await files.applicationKeys(name), { ...made, request: Buffer.from(made.request) });
  t.not((await files.applicationKeys({ ...name, node: 'c' })).key, made.key, 'another name, another key');
  await files.endApplication();
  t.same(await readdir(directory), []);
});

t.test('no key that a dead process left stays', async (t) => {
  const directory = join(temporaryDirectory(t), 'tls');
  const files = new CredentialFiles(directory);
  await files.applicationKeys({ cluster: CLUSTER, node: 'a' });
  await files.writeCredentials(await credentialsOf('a'));
  for (const name of ['credentials.json.tmp-1-1', `contacts.json.tmp-${String(process.pid)}-7`])
    await writeFile(join(directory, name), 'half a key');
  await files.removeLeftovers();
  t.same(await readdir(directory), ['credentials.json']);
});

t.test('no key is written or read through a symbolic link, and no other directory becomes private', async (t) => {
  const base = temporaryDirectory(t);
  const [directory, elsewhere] = [join(base, 'tls'), join(base, 'elsewhere')];
  await mkdir(elsewhere);
  await chmod(elsewhere, 0o755);
  await symlink(elsewhere, directory);
  const credentials = await credentialsOf('a');
  const code = 'STATE_DIRECTORY_INVALID';
  await t.rejects(new CredentialFiles(directory).writeCredentials(credentials), { code, message: /symbolic link/ });
  t.same([await readdir(elsewhere), (await stat(elsewhere)).mode & 0o777], [[], 0o755]);
  const own = new CredentialFiles(join(base, 'own'));
  await own.writeCredentials(credentials);
  const file = join(base, 'own', 'credentials.json');
  await rename(file, join(elsewhere, 'credentials.json'));
  await symlink(join(elsewhere, 'credentials.json'), file);
  await t.rejects(own.readCredentials(), { code });
  await own.writeCredentials({ ...credentials, key: 'new' });
  t.notMatch(await readFile(join(elsewhere, 'credentials.json'), 'utf8'), /"key":"new"/);
  t.match(await own.readCredentials(), { key: 'new' }, 'the link has gone, and what it led to was not written');
});
