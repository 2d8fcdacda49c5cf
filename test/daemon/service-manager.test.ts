/** What systemd hears: over a real datagram socket, which this test binds. */
import t from 'tap';
import { serviceManager } from '#src/daemon/service-manager.js';
import { listen } from '../support/notify-socket.js';
import { until } from '../support/until.js';

for (const name of ['socket', `@snapcommit-test-${String(process.pid)}`]) {
  t.test(
    `ready, reloading and stopping are told (${name.startsWith('@') ? 'without a file' : 'a file'})`,
    async (t) => {
      const heard = listen(t, name);
      const failures: string[] = [];
      const manager = serviceManager({ NOTIFY_SOCKET: heard.path }, (reason) => failures.push(reason));
      manager.status('catching\nup');
      t.equal(heard.next(), 'STATUS=catching up');
      manager.ready('serving');
      t.equal(heard.next(), 'READY=1\nSTATUS=serving');
      manager.reloading();
      t.match(heard.next(), /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
      manager.stopping();
      t.equal(heard.next(), 'STOPPING=1');
      manager.end();
      t.same(failures, []);
    },
  );
}

t.test('the watchdog hears of us twice in its time, until the end', async (t) => {
  const heard = listen(t, 'socket');
  const manager = serviceManager(
    { NOTIFY_SOCKET: heard.path, WATCHDOG_USEC: '20000', WATCHDOG_PID: String(process.pid) },
    () => undefined,
  );
  manager.ready('serving');
  heard.next();
  await until('it is heard', () => heard.next() === 'WATCHDOG=1');
  manager.end();
  t.pass('it was heard');
});

t.test('nobody is told where nobody asked, and another process’s watchdog is not ours', async (t) => {
  const failures: string[] = [];
  const note = (reason: string): number => failures.push(reason);
  for (const environment of [{}, { NOTIFY_SOCKET: '' }, { NOTIFY_SOCKET: 'relative' }]) {
    const manager = serviceManager(environment, note);
    manager.ready('serving');
    manager.end();
  }
  t.same(failures, []);
  const [others, ours] = [listen(t, 'others'), listen(t, 'ours')];
  const watched = { NOTIFY_SOCKET: others.path, WATCHDOG_USEC: '2000', WATCHDOG_PID: '1' };
  const managers = [
    serviceManager(watched, note),
    serviceManager({ NOTIFY_SOCKET: ours.path, WATCHDOG_USEC: '40000' }, note),
  ];
  for (const manager of managers) manager.ready('serving');
  others.next();
  await until('our own is answered, which waits longer', () => ours.next() === 'WATCHDOG=1');
  t.equal(others.next(), null);
  for (const manager of managers) manager.end();
});

t.test('a service manager that does not listen is told of, and nothing else comes of it', async (t) => {
  const failures: string[] = [];
  const manager = serviceManager({ NOTIFY_SOCKET: '/nowhere/notify' }, (reason) => failures.push(reason));
  manager.ready('serving');
  manager.end();
  t.match(failures, [/ENOENT/]);
});
