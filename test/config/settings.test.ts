import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadSettings } from '#src/config/load.js';
import { run } from '../cli/fake.js';
import { temporaryDirectory } from '../support/temp.js';

const directoryWith = (t: Test, text: string): string => {
  const directory = temporaryDirectory(t, 'settings');
  writeFileSync(join(directory, 'config.json'), text);
  return directory;
};

t.test('without a file, or without a state directory, there are no settings', async (t) => {
  const directory = temporaryDirectory(t, 'settings');
  t.same(await loadSettings(directory), {});
  t.same(await loadSettings(join(directory, 'missing')), {});
});

t.test('numbers and texts with units', async (t) => {
  const settings = {
    freeFloorBytes: '64MiB',
    hookTimeoutMs: '30s',
    lockWaitMs: '500ms',
    takeOverGraceMs: 1,
    roundsMax: 3,
    clockSkewMaxMs: '2m',
  };
  t.same(await loadSettings(directoryWith(t, JSON.stringify(settings))), {
    freeFloorBytes: 67_108_864,
    hookTimeoutMs: 30_000,
    lockWaitMs: 500,
    takeOverGraceMs: 1,
    roundsMax: 3,
    clockSkewMaxMs: 120_000,
  });
  t.same(await loadSettings(directoryWith(t, '{"freeFloorBytes":0}')), { freeFloorBytes: 0 });
});

t.test('a cluster’s member has its addresses and its times', async (t) => {
  const given = { listen: '[fd00::1]:7420', advertise: 'db1.example:7420', metricsListen: 9464, heartbeatMs: '100ms' };
  t.same(await loadSettings(directoryWith(t, JSON.stringify(given))), {
    ...given,
    metricsListen: '127.0.0.1:9464',
    heartbeatMs: 100,
  });
  const more = {
    metricsListen: '10.0.0.1:9464',
    logTimeoutMs: '1s',
    checkpointSlots: 16,
    keepSlots: 0,
    unreachableMs: '3s',
    scrubEveryMs: '12h',
  };
  t.same(await loadSettings(directoryWith(t, JSON.stringify(more))), {
    ...more,
    logTimeoutMs: 1000,
    unreachableMs: 3000,
    scrubEveryMs: 43_200_000,
  });
});

t.test('what is not valid is refused with the key and the law', async (t) => {
  const cases: readonly (readonly [text: string, says: RegExp])[] = [
    ['{"freeFlorBytes":1}', /"freeFlorBytes" is no setting.*freeFloorBytes/],
    ['{"a":1,"b":2}', /"a" is no setting; "b" is no setting/],
    ['{"__proto__":1}', /"__proto__" is no setting/],
    ['{"freeFloorBytes":-1}', /"freeFloorBytes" must be a number of bytes/],
    ['{"freeFloorBytes":"much"}', /"freeFloorBytes" must be a number of bytes/],
    ['{"hookTimeoutMs":0}', /"hookTimeoutMs" must be .*500ms/],
    ['{"hookTimeoutMs":"5"}', /"hookTimeoutMs" must be .*500ms/],
    ['{"hookTimeoutMs":null}', /"hookTimeoutMs" must be/],
    ['{"scrubEveryMs":"1s"}', /"scrubEveryMs" must be a time from 1m to 480h/],
    ['{"roundsMax":0}', /"roundsMax" must be a whole number from 1 to 100/],
    ['{"listen":"here"}', /"listen" must be HOST:PORT/],
    ['{"listen":7420}', /"listen" must be HOST:PORT/],
    ['{"advertise":"10.0.0.1:0"}', /"advertise" must be HOST:PORT/],
    ['{"metricsListen":70000}', /"metricsListen" must be a port, or HOST:PORT/],
    ['{"heartbeatMs":"1m"}', /"heartbeatMs" must be a time from 10ms to 10s/],
    ['{"checkpointSlots":1}', /"checkpointSlots" must be a whole number from 16/],
    ['[]', /it must be an object/],
    ['{', /no JSON/],
    ['', /no JSON/],
  ];
  for (const [text, message] of cases) {
    await t.rejects(loadSettings(directoryWith(t, text)), { code: 'USAGE', message }, text);
  }
});

t.test('the command line refuses with 2 before it opens, and hands settings on', async (t) => {
  const bad = await run(['status', '--state-dir', directoryWith(t, '{"typo":1}')]);
  t.equal(bad.status, 2);
  t.match(bad.stderr, /"typo" is no setting/);
  t.same(bad.opened, []);
  const good = await run(['status', '--state-dir', directoryWith(t, '{"roundsMax":2}')]);
  t.same(good.opened[0]?.settings, { roundsMax: 2 });
});

t.test('a settings file that cannot be read is refused by its path', async (t) => {
  const directory = temporaryDirectory(t, 'settings');
  mkdirSync(join(directory, 'config.json'));
  await t.rejects(loadSettings(directory), { code: 'USAGE', message: /config\.json cannot be read \(EISDIR\)/ });
});
