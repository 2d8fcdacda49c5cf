/** What every transport must do, whatever it is made of: also the simulator's network while it injects no fault. */
import type { Test } from 'tap';
import type { PeerAddress, Transport, TransportUser } from '#src/ports/transport.js';

export interface TransportUnderTest {
  readonly address: PeerAddress;
  readonly transport: Transport;
}

export interface TransportSubject {
  /** A node that is ready for setPeers; closed at the end of the test. */
  make(t: Test, node: string, user: TransportUser): Promise<TransportUnderTest>;
  /** Lets time pass until the condition holds. */
  until(what: string, condition: () => boolean): Promise<void>;
}

interface Member extends TransportUnderTest {
  readonly node: string;
  readonly heard: string[];
  readonly peers: Set<string>;
}

/** Defines the suite's tests under `t`. */
export function transportContract(t: Test, subject: TransportSubject): void {
  const start = async (t: Test, node: string): Promise<Member> => {
    const heard: string[] = [];
    const peers = new Set<string>();
    const made = await subject.make(t, node, {
      introduce: () => ({ incarnation: 1, store: node, configuration: 1, notes: {} }),
      judge: () => null,
      onMessage: (from, message) => {
        heard.push(`${from}: ${Buffer.from(message).toString()}`);
      },
      onEvent: (event) => {
        if (event.type !== 'connected' && event.type !== 'disconnected') return;
        if (peers.has(event.peer) === (event.type === 'connected')) t.fail(`${event.peer} is ${event.type} twice`);
        if (event.type === 'connected') peers.add(event.peer);
        else peers.delete(event.peer);
      },
    });
    return { ...made, node, heard, peers };
  };
  const join = async (...members: readonly Member[]): Promise<void> => {
    const all = new Map(members.map(({ node, address }) => [node, address]));
    for (const { transport } of members) transport.setPeers(all);
    await subject.until('all are connected', () => members.every(({ peers }) => peers.size === members.length - 1));
  };
  const say = (from: Member, to: string, text: string): void => {
    from.transport.send(to, Buffer.from(text));
  };

  t.test('messages arrive whole, in order, with the name of who sent them, in both directions', async (t) => {
    const [a, b, c] = [await start(t, 'a'), await start(t, 'b'), await start(t, 'c')];
    await join(a, b, c);
    const texts = Array.from({ length: 200 }, (_, index) => `${String(index)} ${'x'.repeat(index * 7)}`);
    for (const text of texts) {
      say(a, 'b', text);
      say(b, 'a', text);
    }
    say(c, 'a', '');
    await subject.until('all arrived', () => a.heard.length === 201 && b.heard.length === 200);
    t.same(
      b.heard,
      texts.map((text) => `a: ${text}`),
    );
    t.same(
      a.heard.filter((line) => line.startsWith('b')),
      texts.map((text) => `b: ${text}`),
    );
    t.ok(a.heard.includes('c: '), 'an empty message is a message');
    t.same(c.heard, []);
  });

  t.test('what is sent to nobody, or before a connection stands, is dropped and not kept', async (t) => {
    const [a, b] = [await start(t, 'a'), await start(t, 'b')];
    say(a, 'nobody', 'lost');
    say(a, 'b', 'lost too');
    await join(a, b);
    say(a, 'a', 'to myself');
    say(a, 'b', 'first');
    await subject.until('it arrived', () => b.heard.length > 0);
    t.same(b.heard, ['a: first']);
    t.same(a.heard, []);
  });

  t.test('who is taken out of the set hears nothing more, until it is back in', async (t) => {
    const [a, b, c] = [await start(t, 'a'), await start(t, 'b'), await start(t, 'c')];
    await join(a, b, c);
    const without = new Map([
      ['a', a.address],
      ['b', b.address],
    ]);
    a.transport.setPeers(without);
    await subject.until('c is cut off', () => !a.peers.has('c') && !c.peers.has('a'));
    say(a, 'c', 'not for you');
    say(c, 'a', 'are you there?');
    say(a, 'b', 'for you');
    await subject.until('it arrived', () => b.heard.length > 0);
    t.same([a.heard, c.heard], [[], []]);
    await join(a, b, c);
    say(c, 'a', 'again');
    await subject.until('it arrived', () => a.heard.length > 0);
    t.same(a.heard, ['c: again']);
  });

  t.test('close sends what is queued; the peers notice; nothing works afterwards and nothing throws', async (t) => {
    const [a, b] = [await start(t, 'a'), await start(t, 'b')];
    await join(a, b);
    say(a, 'b', 'last words');
    await a.transport.close();
    await subject.until('b noticed', () => b.peers.size === 0);
    t.same(b.heard, ['a: last words']);
    say(a, 'b', 'from the grave');
    say(b, 'a', 'hello?');
    a.transport.setPeers(new Map());
    await a.transport.close();
    t.same(a.heard, []);
  });
}
