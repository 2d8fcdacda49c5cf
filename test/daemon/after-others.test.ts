/** `--wait`: what is under way, on whichever node, is waited for; what does not end by itself is refused. */
import t from 'tap';
import { afterOthers } from '#src/daemon/after-others.js';
import { SnapcommitError } from '#src/errors.js';
import type { State } from '#src/machine/state.js';
import type { Context } from '#src/participant/context.js';
import { ScriptMachine } from '../machine/support/script-machine.js';

const VOLUMES = `
  addVolume db node=a
  addVolume wal node=b
  createGroup app volumes=db,wal
`;
const OPEN = `${VOLUMES}
  begin t1 app node=b at=5000
`;
const OF_A_CLUSTER = `
  putMember a address=a:7420
  putMember b address=b:7420
`;

const busy = new SnapcommitError('BUSY', 'group app has transaction t1 open', { group: 'app', transaction: 't1' });

/** A node `a` whose log shows one state after the other, and the last one from then on. */
function contextOver(states: readonly State[]): { readonly context: Context; readonly looks: () => number } {
  let looks = 0;
  const read = async (): Promise<State> => Promise.resolve(states[Math.min(looks++, states.length - 1)] ?? never());
  const context = {
    self: { node: 'a' },
    log: { read },
    locks: async () => Promise.resolve({ holders: () => [] }),
    report: () => undefined,
  } as unknown as Context;
  return { context, looks: () => looks };
}

function never(): never {
  throw new Error('there is a state');
}

function failing(...errors: readonly Error[]): () => Promise<string> {
  const left = [...errors];
  return async () => {
    const next = left.shift();
    return next === undefined ? Promise.resolve('done') : Promise.reject(next);
  };
}

const stateOf = (script: string): State => new ScriptMachine(script).state;
const waiting = (): { readonly signal: AbortSignal } => ({ signal: new AbortController().signal });

t.test('G6 another node’s transaction is waited for, and what it kept from beginning begins then', async (t) => {
  const { context, looks } = contextOver([stateOf(OF_A_CLUSTER + OPEN), stateOf(OF_A_CLUSTER + VOLUMES)]);
  t.equal(await afterOthers(context, waiting(), failing(busy)), 'done');
  t.equal(looks(), 2, 'as soon as the log says that it is over');
  await t.rejects(afterOthers(context, null, failing(busy)), { code: 'BUSY' }, 'only where that is asked for');
});

t.test('a swap that some node has not published is waited for', async (t) => {
  const { context } = contextOver([stateOf(OF_A_CLUSTER + VOLUMES)]);
  const swap = new SnapcommitError('BUSY', 'volume db still awaits a swap', { group: 'app', generation: 3 });
  t.equal(await afterOthers(context, waiting(), failing(swap, busy)), 'done');
});

t.test('what does not end by itself is not waited for', async (t) => {
  const { context } = contextOver([stateOf(OF_A_CLUSTER + VOLUMES)]);
  const drained = new SnapcommitError('BUSY', 'node b is draining', { group: 'app', node: 'b', draining: true });
  const aborted = new SnapcommitError('BUSY', 'a lock', { transaction: 't2', begun: true });
  const other = new SnapcommitError('NO_SPACE', 'volume db is full', { transaction: 't1' });
  for (const error of [drained, aborted, other])
    await t.rejects(afterOthers(context, waiting(), failing(error)), { code: error.code, message: error.message });
  // Without daemons nobody but a person ends what its coordinator has left.
  const alone = contextOver([stateOf(OPEN)]);
  await t.rejects(afterOthers(alone.context, waiting(), failing(busy)), { code: 'BUSY' });
});

t.test('who waits can be interrupted', async (t) => {
  const { context } = contextOver([stateOf(OF_A_CLUSTER + OPEN)]);
  const reason = new SnapcommitError('INTERRUPTED', 'SIGINT');
  await t.rejects(afterOthers(context, { signal: AbortSignal.abort(reason) }, failing(busy)), { code: 'INTERRUPTED' });
});
