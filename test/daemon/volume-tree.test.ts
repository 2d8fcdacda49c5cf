/** `volume add --recursive` over a driver that says what is nested: names, refusals before any change, and doing it again. */
import t, { type Test } from 'tap';
import { createMemoryDriver, type MemoryDriver } from '#src/adapters/driver-memory/index.js';
import { createMemoryNodeFiles } from '#src/adapters/node-files-memory.js';
import { SnapcommitError } from '#src/errors.js';
import { addVolumeTree } from '#src/daemon/add-volume-tree.js';
import { addVolume } from '#src/daemon/add-volume.js';
import { contextOver } from '#src/daemon/compose.js';
import { removeVolume } from '#src/daemon/remove-volume.js';
import type { Context } from '#src/participant/context.js';
import { survey } from '#src/participant/survey.js';
import type { NestedTree } from '#src/ports/volume-driver.js';
import { freshDirectory, freshLog } from '../log/support.js';

const ROOT = '/tank/app';
/** Live paths that do not lie in each other: only datasets may. */
const sourceOf = (path: string): string => `/tank-${path.replaceAll('/', '+')}`;

class Tank {
  readonly context: Context;
  readonly driver: MemoryDriver;
  readonly included = new Set<string>();
  readonly warnings: string[] = [];
  trees: readonly NestedTree[] = [];

  private constructor(context: Context, driver: MemoryDriver) {
    const files = createMemoryNodeFiles();
    const { prepare, live, inspect } = driver;
    const told = (name: string) => (name === 'app' && this.included.has(name) ? { nested: this.trees } : {});
    const nesting = {
      below: async (_: string, source: string) =>
        Promise.resolve({ called: 'tank/app', source, trees: this.trees, containers: [] }),
      inspect,
      include: async ({ name }: { name: string }) => Promise.resolve(void this.included.add(name)),
      forget: async ({ name }: { name: string }) => Promise.resolve(void this.included.delete(name)),
    };
    this.driver = Object.assign(driver, {
      nesting,
      prepare: async (volume: Parameters<typeof prepare>[0]) => {
        await prepare(volume);
        files.addDirectory(volume.publishDirectory);
      },
      live: async (volume: Parameters<typeof live>[0]) => ({ ...(await live(volume)), ...told(volume.name) }),
      inspect: async (...args: Parameters<typeof inspect>) => ({ ...(await inspect(...args)), ...told(args[0]) }),
    });
    this.context = {
      ...context,
      files,
      driver: async () => Promise.resolve(this.driver),
      report: (progress) => {
        if (progress.kind === 'warning') this.warnings.push(progress.message);
      },
    };
  }

  static async make(t: Test, ...paths: readonly string[]): Promise<Tank> {
    const { log } = await freshLog(t);
    const tank = new Tank(contextOver(log, { stateDirectory: freshDirectory(t) }), createMemoryDriver());
    tank.driver.world.addVolume(ROOT);
    tank.grow(...paths);
    return tank;
  }

  grow(...paths: readonly string[]): void {
    for (const path of paths) this.driver.world.addVolume(sourceOf(path));
    const grown = paths.map((path) => ({
      called: `tank/app/${path}`,
      path,
      source: sourceOf(path),
      obstacle: null,
      separate: false,
    }));
    this.trees = [...this.trees, ...grown];
  }

  async add(given: { readonly publish?: string; readonly dryRun?: boolean; readonly name?: string } = {}) {
    const { publish = null, dryRun = false, name = 'app' } = given;
    return addVolumeTree(this.context, { name, source: ROOT, driver: 'memory', publishDirectory: publish, dryRun });
  }

  async addOne(name: string, source: string) {
    const publishDirectory = `/by-hand/${name}`;
    return addVolume(this.context, { name, source, driver: 'memory', publishDirectory });
  }

  async names(): Promise<readonly string[]> {
    return Object.keys((await this.context.log.read()).volumes).sort();
  }

  async survey(...volumes: readonly string[]) {
    return survey(this.context, { mode: 'capture', volumes, cgroups: [], units: [] });
  }
}

async function refused(work: Promise<unknown>): Promise<SnapcommitError> {
  const failure = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (failure instanceof SnapcommitError) return failure;
  throw failure instanceof Error ? failure : new Error('it was not refused');
}

t.test('each is a volume with a name of its path, and publishes beside the root', async (t) => {
  const tank = await Tank.make(t, 'db', 'db/logs', 'wal');
  const planned = await tank.add({ dryRun: true });
  t.match(planned, { dryRun: true, added: ['app', 'app-db', 'app-db-logs', 'app-wal'] });
  t.same(await tank.names(), [], 'a dry run changes nothing');
  t.same([...tank.included], []);
  const { volumes, added, groups } = await tank.add();
  t.same(added, planned.added);
  t.same(groups, []);
  t.same(
    volumes.map(({ name, source, publishDirectory }) => [name, source, publishDirectory]),
    [
      ['app', ROOT, '/tank/.snapcommit/app'],
      ['app-db', '/tank-db', '/tank/.snapcommit/app-db'],
      ['app-db-logs', '/tank-db+logs', '/tank/.snapcommit/app-db-logs'],
      ['app-wal', '/tank-wal', '/tank/.snapcommit/app-wal'],
    ],
  );
  t.same([...tank.included].sort(), await tank.names(), 'each remembers that all below it is wanted');
});

t.test('again it adds what is new, beside the rest, and tells which groups lack it', async (t) => {
  const tank = await Tank.make(t, 'db');
  await tank.add({ publish: '/elsewhere' });
  const rest = { freezeCgroups: [], freezeUnits: [], stopUnits: [], require: null, stallLimitMs: 5000 };
  const group = { name: 'g', volumes: ['app', 'app-db'], ...rest, preHooks: [], postHooks: [] };
  await tank.context.log.append({ type: 'createGroup', group });
  tank.grow('new');
  const { added, volumes, groups } = await tank.add();
  t.same(added, ['app-new']);
  t.equal(volumes.find(({ name }) => name === 'app-new')?.publishDirectory, '/elsewhere/app-new');
  t.same(groups, [{ group: 'g', volumes: ['app', 'app-db'], missing: ['app-new'] }]);
  t.same((await tank.add()).added, [], 'once more there is nothing to do');
});

t.test('G8 a commit is refused while something new below is no volume, and names it and the command', async (t) => {
  const tank = await Tank.make(t, 'db');
  await tank.add();
  await t.resolves(tank.survey('app', 'app-db'));
  tank.grow('new');
  t.match(await refused(tank.survey('app', 'app-db')), {
    code: 'SOURCE_NESTED',
    message: /tank\/app\/new.*`snapcommit volume add app --source \/tank\/app --recursive`/,
    details: { volume: 'app', nested: ['tank/app/new'] },
  });
  await tank.add();
  await tank.survey('app', 'app-db', 'app-new');
  t.same(tank.warnings, []);
  await tank.survey('app', 'app-db');
  t.match(tank.warnings, [/app-new.*group update/], 'one that the group does not have is told of');
});

t.test('G8 what can be no volume refuses all, with every reason, before anything is made', async (t) => {
  const tank = await Tank.make(t, 'db');
  const blocked = { separate: false, called: 'tank/app/block', path: 'block', source: null, obstacle: 'is a zvol' };
  const locked = { ...blocked, called: 'tank/app/secret', path: 's', source: '/s', obstacle: 'is locked: load it' };
  tank.trees = [...tank.trees, blocked, locked];
  t.match(await refused(tank.add()), {
    code: 'SOURCE_NESTED',
    message: /nothing was added.*tank\/app\/block is a zvol; tank\/app\/secret is locked.*children=separate tank\/app/,
  });
  t.same(await tank.names(), []);
  t.same([...tank.included], []);
});

t.test('names that clash, are taken or are none are all told beforehand; one added by hand resolves it', async (t) => {
  const tank = await Tank.make(t, 'db', 'db/logs', 'db-logs', 'a:b', 'n'.repeat(70), 'taken');
  tank.driver.world.addVolume('/other');
  await tank.addOne('app-taken', '/other');
  const { code, message } = await refused(tank.add());
  t.equal(code, 'NAME_INVALID');
  t.match(message, /tank\/app\/db\/logs would be volume "app-db-logs", and so would tank\/app\/db-logs/);
  t.match(message, /"app-a:b", which is no valid name/);
  t.match(message, /"app-n{70}", which is no valid name/);
  t.match(message, /"app-taken", which is \/other on node/);
  t.match(
    message,
    '`snapcommit volume add ANOTHER-NAME --source tank/app/db/logs --publish /tank/.snapcommit --recursive`',
  );
  t.same(await tank.names(), ['app-taken']);
  for (const path of ['db-logs', 'a:b', 'n'.repeat(70), 'taken'])
    await tank.addOne(`mine-${path.slice(0, 1)}${String(path.length)}`, sourceOf(path));
  t.same((await tank.add()).added, ['app', 'app-db', 'app-db-logs']);
});

t.test('the root under another name, or its name on another source, is refused', async (t) => {
  const tank = await Tank.make(t, 'db');
  await tank.add();
  t.match(await refused(tank.add({ name: 'other' })), {
    code: 'EXISTS',
    message: /is volume app already.*add app --so/,
  });
  const second = await Tank.make(t);
  second.driver.world.addVolume('/other');
  await second.addOne('app', '/other');
  t.match(await refused(second.add()), { code: 'EXISTS', message: /choose another name/ });
});

t.test('no volume publishes inside another one’s live tree', async (t) => {
  const tank = await Tank.make(t, 'db');
  t.match(await refused(tank.add({ publish: '/tank-db/inside' })), {
    code: 'SOURCE_MANAGED',
    message: /--publish DIR.*Nothing was added/,
  });
  t.same(await tank.names(), []);
});

t.test(
  'G8 a failure in the middle tells what was added, a commit is refused, and doing it again adds the rest',
  async (t) => {
    const tank = await Tank.make(t, 'db', 'wal', 'x');
    const { prepare } = tank.driver;
    Object.assign(tank.driver, {
      prepare: async (volume: Parameters<typeof prepare>[0]) => {
        if (volume.name === 'app-wal') throw new SnapcommitError('NO_SPACE', 'the pool is full');
        await prepare(volume);
      },
    });
    t.match(await refused(tank.add()), {
      code: 'OUTCOME_UNKNOWN',
      message: /volume app-wal: the pool is full \(added are app, app-db, 2 to go: .*same command again/,
      details: { added: ['app', 'app-db'] },
    });
    t.match(await refused(tank.survey('app', 'app-db')), { code: 'SOURCE_NESTED', message: /app\/wal; tank\/app\/x/ });
    Object.assign(tank.driver, { prepare });
    t.same((await tank.add()).added, ['app-wal', 'app-x']);
    await t.resolves(tank.survey('app', 'app-db', 'app-wal', 'app-x'));
  },
);

t.test('one that is separate keeps its word, and one that is away keeps what it has', async (t) => {
  const tank = await Tank.make(t, 'db', 'wal');
  await tank.add();
  tank.included.clear();
  tank.trees = tank.trees.map((tree) =>
    tree.path === 'db' ? { ...tree, separate: true } : { ...tree, obstacle: 'is not mounted' },
  );
  t.same((await tank.add()).added, []);
  t.same([...tank.included], ['app']);
  t.same(await tank.survey('app').then(({ volumes }) => volumes.length), 1, 'a volume that is away is a volume still');
});

t.test('a volume that is removed forgets what was wanted below it, and is not added again without it', async (t) => {
  const tank = await Tank.make(t, 'db');
  await tank.add();
  const remove = async (name: string) =>
    removeVolume(tank.context, name, async () => {
      await tank.context.log.append({ type: 'removeVolume', volume: name });
    });
  await remove('app');
  await remove('app-db');
  t.same([...tank.included], []);
  t.same(tank.warnings, []);
  tank.included.add('app');
  t.match(await refused(tank.addOne('app', ROOT)), { code: 'SOURCE_NESTED' }, 'a mark that a crash left behind');
  t.same(await tank.names(), []);
});

t.test('another driver has no child datasets', async (t) => {
  const tank = await Tank.make(t);
  Object.assign(tank.driver, { nesting: null });
  t.match(await refused(tank.add()), { code: 'USAGE', message: /--recursive.*driver memory/ });
});
