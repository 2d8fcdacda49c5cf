/** The name that a volume's place remembers for its live dataset, while a tree of ours is mounted there. */
import t from 'tap';
import { remember, rememberedIn } from '#src/adapters/driver-zfs/family.js';
import { parseProperties, type Dataset } from '#src/adapters/driver-zfs/properties.js';

function place(name: string, remembered: string, source = 'local'): Dataset {
  const [found] = parseProperties(`${name}\tsnapcommit:live\t${remembered}\t${source}`);
  if (found === undefined) throw new TypeError('no properties');
  return found;
}

void t.test('T8 it is in the place’s own pool, also after that was imported under another name', (t) => {
  t.equal(rememberedIn(place('tank/.snapcommit/db', 'tank/db')), 'tank/db');
  t.equal(rememberedIn(place('safe/.snapcommit/db', 'tank/a/db')), 'safe/a/db');
  t.equal(rememberedIn(place('safe/.snapcommit/root', 'tank')), 'safe');
  t.equal(rememberedIn(place('tank/.snapcommit/db', 'tank/db', 'inherited from tank')), null);
  t.end();
});

void t.test('it is told only where it is another one', async (t) => {
  const ran: string[] = [];
  const run = async (args: readonly string[]): Promise<string> => {
    ran.push(args.join(' '));
    return Promise.resolve('');
  };
  const attempt = async () => Promise.resolve({ output: '', failure: null });
  const waiting = async () => Promise.reject(new Error('nothing waits'));
  const commands = { zfs: run, zpool: run, attempt, describe: async () => Promise.resolve([]), waiting };
  const found = place('tank/.snapcommit/db', 'tank/db');
  await remember(commands, found, 'tank/db');
  await remember(commands, found, 'tank/prod');
  t.same(ran, ['set snapcommit:live=tank/prod tank/.snapcommit/db']);
});
