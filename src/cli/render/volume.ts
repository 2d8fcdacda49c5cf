/** A volume for people. Pure. */
import type { VolumeReport } from '../../index.js';
import { pairs } from './table.js';
import { joined } from './text.js';

export function volumeState(volume: VolumeReport): string {
  return volume.forfeited ? 'forfeited' : 'managed';
}

export function volumeText(volume: VolumeReport): string {
  return pairs([
    ['volume', volume.name],
    ['state', volumeState(volume)],
    ['node', volume.node],
    ['driver', volume.driver],
    ['source', volume.source],
    ['publish directory', volume.publishDirectory],
    ['filesystem', volume.filesystem],
    ['groups', joined(volume.groups)],
  ]);
}
