/** What a command is: the options that it adds, and how it turns its input into an answer. Types only. */
import type { Command } from 'commander';
import type { FileSettings } from '../config/schema.js';
import type { ClusterClient, SnapcommitNode } from '../index.js';
import type { Globals } from './global-options.js';
import type { Io } from './io.js';
import type { Openers } from './openers.js';
import type { Options } from './options.js';

/** What a command answers: a document for --json, and the same for people. */
export interface Answer {
  readonly json: unknown;
  /** Ends with a newline, or is empty. Called only when it is printed. */
  readonly text: () => string;
  /** 0 where it is left out. */
  readonly status?: number;
}

/** One run of one command, its input parsed by commander but not yet judged. */
export interface Invocation {
  readonly operands: readonly string[];
  readonly options: Options;
  /** What stood after `--`; empty for commands that take none. */
  readonly command: readonly string[];
  readonly globals: Globals;
  readonly io: Io;
  /** Aborted by SIGINT, SIGTERM and --timeout; its reason is a SnapcommitError. */
  readonly signal: AbortSignal;
  readonly openers: Openers;
  /** Opens the node; it is closed when the command has ended. Judge the input before. */
  readonly openNode: (how?: { readonly stale: boolean }) => Promise<SnapcommitNode>;
  /** Opens the cluster's administration through this machine's daemon; closed like the node. */
  readonly openCluster: () => Promise<ClusterClient>;
  /** What config.json says. */
  readonly settings: () => Promise<FileSettings>;
}

export interface CommandModule {
  /** Adds the command's own options. */
  readonly define?: (command: Command) => void;
  readonly run: (invocation: Invocation) => Promise<Answer>;
}
