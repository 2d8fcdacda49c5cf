/** The links of a publish directory that have outlived what they lead to. */
import { readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Entry, Family } from '#src/adapters/driver-zfs/family.js';
import { namesIn, strayLinks, sweepLinks } from '#src/adapters/driver-zfs/links.js';
import { temporaryDirectory } from '../support/temp.js';

const nothing = { name: 'tank/db', properties: new Map() };

function familyOf(...names: readonly string[]): Family {
  const entries = names.map((name): Entry => ({ name, kind: 'snapshot', dataset: nothing }));
  return { place: nothing, liveName: 'tank/db', live: nothing, trees: [], snapshots: [], entries };
}

void t.test('G12 hidden links that lead to nothing are swept, a generation’s is told, all others stay', async (t) => {
  const publishDirectory = temporaryDirectory(t, 'links');
  const volume = { name: 'db', source: '/srv/db', publishDirectory };
  const link = (name: string, target: string): void => {
    symlinkSync(target, join(publishDirectory, name));
  };
  link('.trash~1', '/srv/db/.zfs/snapshot/:-trash');
  link('.clone~1', '.snapcommit-tree-1');
  link('app@1', '/srv/db/.zfs/snapshot/app:1');
  link('app@2', '/srv/db/.zfs/snapshot/app:2');
  link('app@current', '/var/lib/snapcommit/views/app/current/db');
  link('.stamp', 'cluster/1/8');
  const stray = await strayLinks(volume, await namesIn(volume), familyOf('app@2'));
  t.same([...stray].sort(), ['.clone~1', '.trash~1', 'app@1']);
  t.same(await sweepLinks(volume, stray), ['app@1'], 'a view leads through it: whoever knows the log decides');
  t.same(readdirSync(publishDirectory).sort(), ['.stamp', 'app@1', 'app@2', 'app@current']);
});
