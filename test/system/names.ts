/** What every simulated system has. */
export const GROUP = 'app';
/** How long its writers may stand still. */
export const STALL_LIMIT_MS = 400;
