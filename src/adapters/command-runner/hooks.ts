/** A user's hooks: which files may be one, and how they are run. */
import { SnapcommitError } from '../../errors.js';
import type { CommandResult, CommandRunner, HookContext, Hooks } from '../../ports/commands.js';
import { assertHookSafe } from './hook-safety.js';

/** How much of a failed hook's output its error carries. */
const OUTPUT_KEPT = 2_000;

export function createHooks(runner: CommandRunner): Hooks {
  return {
    check: assertHookSafe,
    run: async (file, context, timeoutMs) => {
      await assertHookSafe(file);
      const result = await start(runner, file, context, timeoutMs);
      const failure = whyFailed(result, timeoutMs);
      if (failure === null) return;
      const output = (result.stdout + result.stderr).trim().slice(-OUTPUT_KEPT);
      const said = output === '' ? 'it printed nothing' : `it printed: ${output.slice(-200)}`;
      throw new SnapcommitError('HOOK_FAILED', `the ${context.phase}-hook ${file} ${failure}; ${said}`, {
        hook: file,
        phase: context.phase,
        status: result.status,
        signal: result.signal,
        timedOut: result.timedOut,
        output,
      });
    },
  };
}

async function start(
  runner: CommandRunner,
  file: string,
  context: HookContext,
  timeoutMs: number,
): Promise<CommandResult> {
  try {
    return await runner.run(file, [], { environment: hookEnvironment(context), timeoutMs });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const details = { hook: file, phase: context.phase };
    throw new SnapcommitError('HOOK_FAILED', `the ${context.phase}-hook did not run: ${reason}`, details, cause);
  }
}

function whyFailed({ status, signal, timedOut }: CommandResult, timeoutMs: number): string | null {
  if (timedOut) return `did not end within ${String(timeoutMs)} ms and was ended with all of its processes`;
  if (signal !== null) return `was ended by ${signal}`;
  return status === 0 ? null : `ended with status ${String(status)}`;
}

/** See HookContext in src/ports/commands.ts, where the variables are documented. */
function hookEnvironment(context: HookContext): Readonly<Record<string, string>> {
  return {
    SNAPCOMMIT_GROUP: context.group,
    SNAPCOMMIT_TRANSACTION: context.transaction,
    SNAPCOMMIT_PHASE: context.phase,
    SNAPCOMMIT_OUTCOME: context.outcome,
    SNAPCOMMIT_RECOVERED: context.recovered ? '1' : '0',
    SNAPCOMMIT_VOLUMES: JSON.stringify(context.volumes.map(({ name, source }) => ({ name, source }))),
  };
}
