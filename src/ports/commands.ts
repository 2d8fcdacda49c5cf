/**
 * Running other programs. Types only; adapters/command-runner is the only place that imports execa. Argument arrays,
 * absolute paths, a given environment, never a shell.
 */

export interface CommandResult {
  /** The exit status, or null when a signal ended it. */
  readonly status: number | null;
  readonly signal: string | null;
  /** What was too long to be read to its end counts as cut off by SIGPIPE, which stderr says then. */
  readonly stdout: string;
  readonly stderr: string;
  /** By `timeoutMs` it was ended, by `letBe` left running. */
  readonly timedOut: boolean;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** What it reads from its standard input: all of it, or pieces as they come. */
  readonly input?: string | AsyncIterable<string>;
  /**
   * When it aborts, the program is no longer waited for, and goes on by itself, which `timedOut` says: for what may sit in a
   * call of the kernel where nothing ends it, and must not be ended in between.
   */
  readonly letBe?: AbortSignal;
}

export interface CommandRunner {
  /** Runs `file` (an absolute path) to its end; never rejects for a non-zero status, rejects with DEPENDENCY_MISSING where the file is missing. */
  run(file: string, args: readonly string[], options?: RunOptions): Promise<CommandResult>;
}

/**
 * What a hook is told, in its environment: SNAPCOMMIT_GROUP, SNAPCOMMIT_TRANSACTION, SNAPCOMMIT_PHASE (`pre` or
 * `post`), SNAPCOMMIT_OUTCOME, SNAPCOMMIT_RECOVERED (`1` when recovery runs it, otherwise `0`) and SNAPCOMMIT_VOLUMES
 * (a JSON array of `{"name","source"}`); besides those only LC_ALL and PATH. Its working directory is `/`.
 */
export interface HookContext {
  readonly group: string;
  readonly transaction: string;
  readonly phase: 'pre' | 'post';
  /** Post-hooks only: `staged` when every volume is, `failed` when not; recovery passes `recovered`. */
  readonly outcome: string;
  readonly recovered: boolean;
  readonly volumes: readonly { readonly name: string; readonly source: string }[];
}

export interface Hooks {
  /** Refuses (HOOK_UNSAFE) a hook that is no regular executable file, is a symlink, is not owned by root or by us, or lies where others may write. */
  check(file: string): Promise<void>;
  /** Checks again, runs it, HOOK_FAILED on a non-zero status, a signal or the time limit (the whole process group is ended). */
  run(file: string, context: HookContext, timeoutMs: number): Promise<void>;
}
