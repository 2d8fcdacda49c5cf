/** SQLite's package is not there, or not for this Node: said as what it is, with what to do. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t from 'tap';
import { translate } from '#src/adapters/store-sqlite/errors.js';
import { SnapcommitError } from '#src/errors.js';
import { temporaryDirectory } from '../support/temp.js';

const STORE = 'adapters/store-sqlite';
const wanted = { code: 'DEPENDENCY_MISSING', message: /could not be loaded by Node .*npm ci --include=optional/ };

t.test('where npm has left the package out that this Node needs', async (t) => {
  const bare = temporaryDirectory(t);
  mkdirSync(join(bare, STORE), { recursive: true });
  writeFileSync(join(bare, 'package.json'), '{ "type": "module" }');
  for (const file of ['errors.js', `${STORE}/sqlite.js`, `${STORE}/cannot-load.js`])
    cpSync(fileURLToPath(import.meta.resolve(`#src/${file}`)), join(bare, file));
  await t.rejects(import(pathToFileURL(join(bare, STORE, 'sqlite.js')).href), wanted);
});

t.test('where its native part was made for another Node', async (t) => {
  const failure = Object.assign(new Error('was compiled against a different Node.js version'), {
    code: 'ERR_DLOPEN_FAILED',
  });
  const translated = translate(failure, '/log.sqlite', 'open');
  t.match(translated, wanted);
  t.ok(translated instanceof SnapcommitError && translated.cause === failure);
});
