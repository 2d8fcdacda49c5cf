import t from 'tap';
import { listenTls } from '#src/adapters/transport-tls/index.js';
import { systemClock } from '#src/adapters/clock-system.js';
import { systemTimers } from '#src/adapters/timers-system.js';
import { CLUSTER, credentialsOf, QUICK, random } from '../support/transport.js';
import { until } from '../support/until.js';
import { transportContract } from './transport.js';

t.test('over mutual TLS', async (t) => {
  transportContract(t, {
    until,
    make: async (t, node, user) => {
      const transport = await listenTls({
        self: { cluster: CLUSTER, node },
        listen: { host: '127.0.0.1', port: 0 },
        credentials: await credentialsOf(node),
        user,
        clock: systemClock,
        timers: systemTimers,
        random,
        limits: QUICK,
      });
      t.teardown(() => transport.close());
      return { transport, address: transport.address };
    },
  });
});
