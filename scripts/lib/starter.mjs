// A script that npm runs hears nothing when npm is told to end: npm signals the shell between the two, or only itself.
// Its end is noticed here, so that what the script has started and made is taken away all the same.
import { readFileSync } from 'node:fs';

const LOOK_MS = 500;

/** Under npm: once npm or its shell has gone we get SIGTERM. Started otherwise nothing is done: a shell may end before its job. */
export function endWithNpm(env = process.env) {
  if (env.npm_lifecycle_event === undefined) return;
  const starters = startersOf(process.ppid);
  const looking = setInterval(() => {
    if (startersOf(process.ppid) === starters) return;
    clearInterval(looking);
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_MS);
  looking.unref();
}

/** npm itself; or its shell (`sh -c …`) and npm. */
function startersOf(parent) {
  try {
    const [, option] = readFileSync(`/proc/${String(parent)}/cmdline`, 'utf8').split('\0');
    return option === '-c' ? `${String(parent)} ${parentOf(parent)}` : String(parent);
  } catch {
    return 'gone';
  }
}

function parentOf(pid) {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
}
