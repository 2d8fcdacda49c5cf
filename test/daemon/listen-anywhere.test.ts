/** Listening on a machine without IPv6. */
import t from 'tap';
import { listenAnywhere } from '#src/daemon/listen-anywhere.js';
import { SnapcommitError } from '#src/errors.js';

const failing = (code: string) => {
  const asked: string[] = [];
  const listen = async ({ host, port }: { readonly host: string; readonly port: number }): Promise<string> => {
    asked.push(`${host} ${String(port)}`);
    if (host === '0.0.0.0') return Promise.resolve('listens');
    const cause = Object.assign(new Error(code), { code });
    return Promise.reject(new SnapcommitError('UNAVAILABLE', `cannot listen on ${host}`, {}, cause));
  };
  return { asked, listen };
};

t.test('where there is no IPv6, every address of IPv4 is listened on', async (t) => {
  for (const code of ['EAFNOSUPPORT', 'EADDRNOTAVAIL']) {
    const { asked, listen } = failing(code);
    t.equal(await listenAnywhere(7420, listen), 'listens');
    t.same(asked, [':: 7420', '0.0.0.0 7420']);
  }
});

t.test('what is wrong with the port is said', async (t) => {
  const { asked, listen } = failing('EADDRINUSE');
  await t.rejects(listenAnywhere(7420, listen), { code: 'UNAVAILABLE', message: /::/ });
  t.same(asked, [':: 7420']);
});
