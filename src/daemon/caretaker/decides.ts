/** Entries after which there may be something to do on this node: what ends something, and what brings a volume here. */
import type { Operation } from '../../machine/entry.js';

export const DECIDES: ReadonlySet<Operation['type']> = new Set([
  'commit',
  'abort',
  'takeOver',
  'published',
  'retire',
  'removeGroup',
  'forfeitVolume',
  'moveVolume',
  'removeMember',
  'releasePin',
]);
