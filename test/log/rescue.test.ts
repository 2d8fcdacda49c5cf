/** When a peer's checkpoint is asked for in place of what cannot be read. */
import t from 'tap';
import { Rescue } from '#src/log/rescue.js';

const FETCH_TICKS = 5;

/** At which ticks of the first thousand whom was asked, when nothing that comes heals. */
function asked(hasLoop: boolean, isRefused: boolean): readonly (readonly [number, string])[] {
  const begun: (readonly [number, string])[] = [];
  const core = { hasLoop, archiveDamaged: hasLoop, refusedRescues: 0, peers: ['b', 'c'], giveUp: () => undefined };
  let now = 0;
  const fetch = {
    isFetching: false,
    begin: (peer: string) => {
      begun.push([now, peer]);
      fetch.isFetching = true;
    },
  };
  const rescue = new Rescue(core, fetch);
  for (; now < 1000; now += 1) {
    const [last] = begun.at(-1) ?? [now];
    if (fetch.isFetching && now === last + FETCH_TICKS) {
      fetch.isFetching = false;
      if (isRefused) core.refusedRescues += 1;
    }
    rescue.tick(now);
  }
  return begun;
}

t.test('a node that cannot work asks one member after the other, and rests between two of them', async (t) => {
  const begun = asked(false, false);
  t.same(begun.slice(0, 3), [
    [0, 'b'],
    [14, 'c'],
    [28, 'b'],
  ]);
});

t.test('a node that works asks seldom, and ever more seldom while its disk has no room for what comes', async (t) => {
  const pauses = (begun: readonly (readonly [number, string])[]) =>
    begun.slice(1).map(([at], index) => at - (begun[index]?.[0] ?? 0));
  t.same(pauses(asked(true, false)).slice(0, 4), [44, 44, 44, 44]);
  t.same(pauses(asked(true, true)).slice(0, 4), [84, 164, 324, 324]);
});
