// Loaded before a command (`node --import`): at its end writes the peak of its resident memory, KiB, to descriptor 3.
import { writeSync } from 'node:fs';

process.on('exit', () => {
  writeSync(3, String(process.resourceUsage().maxRSS));
});
