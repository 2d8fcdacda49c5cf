/** How long a change of the membership is waited for: by who asks for it, and by who carries it out. */

/** A command, where nobody says how long. A change of membership waits for members to catch up. */
export const CHANGE_TIMEOUT_MS = 120_000;
/** A daemon, for a member to be proven: so that it can still answer why it was not, or make the change. */
export const PROVEN_WAIT_MS = CHANGE_TIMEOUT_MS - 20_000;
