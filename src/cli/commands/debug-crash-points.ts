/** `snapcommit debug crash-points`: every point at which SNAPCOMMIT_CRASH_AT can kill us. */
import { CRASH_POINTS } from '../../crash-points.js';
import type { CommandModule } from '../command.js';
import { table } from '../render/table.js';

export const debugCrashPoints: CommandModule = {
  run: async () => {
    const points = Object.entries(CRASH_POINTS).map(([point, phase]) => ({ point, phase }));
    return Promise.resolve({
      json: points,
      text: () =>
        table(
          ['point', 'phase'],
          points.map(({ point, phase }) => [point, phase]),
        ),
    });
  },
};
