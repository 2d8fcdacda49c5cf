/** What the table of commands says of each. Types, and the statuses that many share. */
import type { CommandModule } from './command.js';
import type { ExitStatus } from './exit-status.js';

export interface Operand {
  /** As commander writes it: `<GROUP>` is needed, `[GROUP@GEN]` is not. */
  readonly name: string;
  readonly description: string;
}

export interface CommandEntry {
  /** One line, without a full stop. */
  readonly summary: string;
  readonly operands: readonly Operand[];
  /** Whether a command of the user's follows after `--`; its status is passed on. */
  readonly takesCommand?: true;
  /**
   * Whether an interruption goes into the command, which then ends by itself (abort, thaw, or wait for the outcome).
   * The others are left where they stand: whatever they do is whole or finished by recovery.
   */
  readonly endsItself?: true;
  /** Whether the daemon goes on with it when the command is left: then nobody knows here what became of it. */
  readonly goesOnInDaemon?: true;
  readonly statuses: readonly ExitStatus[];
  readonly examples: readonly string[];
  readonly load: () => Promise<CommandModule>;
}

export const CHANGE: readonly ExitStatus[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 130, 143];
