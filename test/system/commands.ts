/** The commands that a simulated person runs. */
import { capture } from '#src/coordinator/commit.js';
import type { CommitRequest } from '#src/coordinator/requests.js';
import { open } from '#src/coordinator/open.js';
import { prune } from '#src/coordinator/prune.js';
import { abandonTransaction } from '#src/coordinator/recover-steps.js';
import { recover } from '#src/coordinator/recover.js';
import { restore } from '#src/coordinator/restore.js';
import { transact } from '#src/coordinator/transact.js';
import type { Context } from '#src/participant/context.js';
import { GROUP } from './names.js';

/** Answers the generation that it made, or null. */
export type CommandWork = (context: Context) => Promise<number | null>;

function requestOf(message: string): CommitRequest {
  return {
    group: GROUP,
    message,
    labels: {},
    require: null,
    expectGeneration: null,
    requestId: null,
    signal: new AbortController().signal,
  };
}

/** `message` names the transaction, for the judge. */
export function commitWork(message: string, changes: Partial<CommitRequest> = {}): CommandWork {
  return async (context) => (await capture(context, { ...requestOf(message), ...changes })).record.generation;
}

export function transactWork(message: string): CommandWork {
  return async (context) => {
    const request = {
      command: ['/bin/change'],
      mount: true,
      workingDirectory: '/',
      environment: {},
      stdout: 'stderr',
    } as const;
    return (await transact(context, { ...requestOf(message), ...request })).record.generation;
  };
}

export function restoreWork(message: string, sourceGeneration: number): CommandWork {
  return async (context) => (await restore(context, { ...requestOf(message), sourceGeneration })).record.generation;
}

export function recoverWork(): CommandWork {
  return async (context) => {
    await recover(context, false);
    return null;
  };
}

/** What another node does to the transaction of a coordinator that it has given up: it takes over and aborts. */
export function abandonWork(message: string): CommandWork {
  return async (context) => {
    const { open } = await context.log.read();
    const found = Object.values(open).find(({ begin }) => begin.message === message);
    if (found !== undefined) await abandonTransaction(context, found, () => false).act();
    return null;
  };
}

export function openWork(onOpened: (opened: Awaited<ReturnType<typeof open>>) => void): CommandWork {
  return async (context) => {
    onOpened(await open(context, { group: GROUP, generation: null, hold: null }));
    return null;
  };
}

export function pruneWork(keepLast: number): CommandWork {
  return async (context) => {
    const none = { keepHourly: 0, keepDaily: 0, keepWeekly: 0, keepMonthly: 0, keepYearly: 0 };
    await prune(context, { group: GROUP, rules: { keepLast, ...none }, dryRun: false });
    return null;
  };
}
