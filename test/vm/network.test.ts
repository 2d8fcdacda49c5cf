// test-timeout-seconds: 1200
/** Three guests on a private network reach each other by address, and nothing else. */
import t from 'tap';
import { bootGuest, networkSeats } from './rig.js';

await t.test('three guests reach each other by address', async (t) => {
  const seats = await networkSeats(['alpha', 'beta', 'gamma']);
  const guests = await Promise.all(seats.map((network) => bootGuest(t, { network, memoryMiB: 1024 })));
  for (const [index, guest] of guests.entries()) {
    t.equal((await guest.must(['hostname'])).trim(), seats[index]?.name, 'it has its name');
    for (const other of seats.filter((_, at) => at !== index)) {
      // sshd answers with its banner: frames go there and back.
      const script = `exec 3<>/dev/tcp/${other.address}/22 && head -c 4 <&3`;
      t.equal(await guest.must(['bash', '-c', script], { timeoutSeconds: 60 }), 'SSH-', `it reaches ${other.name}`);
    }
    const { status } = await guest.run(['ip', 'route', 'get', '192.0.2.1']);
    t.not(status, 0, 'it has no way out');
  }
});
