/** The tag of a hold. */
import type { Command } from 'commander';
import { nameOf } from './input.js';
import type { Options } from './options.js';

const DEFAULT_TAG = 'manual';

export function defineTagOption(command: Command): void {
  command.option('--tag <TAG>', `whose hold it is (default: ${DEFAULT_TAG})`);
}

export function readTag(options: Options): string {
  return nameOf('hold', options.text('tag') ?? DEFAULT_TAG);
}
