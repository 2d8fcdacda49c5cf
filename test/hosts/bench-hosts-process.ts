/** `npm run bench:hosts`: three nodes at their default settings on this machine, all on its processors and its disk. */
import { parseArgs } from 'node:util';
import { endWithSupervisor } from '../support/at-end.js';
import { measureDecisions } from './bench-decisions.js';
import { measureMemory } from './bench-memory.js';
import { measureStall } from './bench-stall.js';
import { printTable, type Row } from './bench-table.js';
import { makeFleet } from './fleet.js';
import { startRelay } from './relay.js';
import { Scope } from '../support/scope.js';

endWithSupervisor();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '7' } },
});
const rounds = Number(values.rounds);
const parts = positionals.length === 0 ? ['stall', 'decisions', 'memory'] : positionals;
const rows: Row[] = [];
if (parts.includes('memory')) rows.push(await measureMemory(rounds));
if (parts.includes('stall') || parts.includes('decisions')) {
  const scope = new Scope();
  try {
    const fleet = await makeFleet(scope, { settings: {} });
    await startRelay(scope, fleet.hosts);
    if (parts.includes('decisions')) rows.push(...(await measureDecisions(fleet, rounds)));
    if (parts.includes('stall')) rows.push(...(await measureStall(fleet, rounds)));
  } finally {
    await scope.end();
  }
}
printTable(rows);
process.exitCode = rows.some(({ reached }) => reached === false) ? 1 : 0;
