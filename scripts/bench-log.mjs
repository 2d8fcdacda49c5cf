#!/usr/bin/env node
// `npm run bench:log`: the replicated log against etcd (Debian's etcd-server), three members each on this machine, one
// client process with N appends of 512 B in flight, both through the leader. Prints one table; a missed goal makes the
// exit status 1. The goals are against `etcd`, whose members speak TLS with one another as ours do; `etcd-plain` is the
// same without.
//
//   npm run bench:log                          everything
//   npm run bench:log -- --seconds 10          longer loads (default 5)
//   npm run bench:log -- --warm-up 0           the first numbers of processes that have just been started (default 20 s)
//   npm run bench:log -- --clients 1,64        only these loads (default 1,16,64,256)
//   npm run bench:log -- --engines etcd        only these (etcd, etcd-plain, snapcommit); goals need etcd and snapcommit
//   npm run bench:log -- --parts load          only these parts (load, failover, million)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrapOrExit, ensurePackages } from './bootstrap.mjs';

const ENGINES = ['etcd', 'etcd-plain', 'snapcommit'];
const PARTS = ['load', 'failover', 'million'];
const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '1,16,64,256' },
    engines: { type: 'string', default: ENGINES.join(',') },
    failovers: { type: 'string', default: '5' },
    parts: { type: 'string', default: 'load,failover,million' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '20' },
  },
});
const wanted = { engines: values.engines.split(','), parts: values.parts.split(',') };
const counts = [values.rounds, values.seconds, values.failovers].map(Number);
const clients = values.clients.split(',').map(Number);
const warmUpSeconds = Number(values['warm-up']);
if (
  wanted.engines.some((engine) => !ENGINES.includes(engine)) ||
  wanted.parts.some((part) => !PARTS.includes(part)) ||
  [...counts, ...clients].some((count) => !Number.isInteger(count) || count < 1) ||
  !(warmUpSeconds >= 0)
) {
  process.stderr.write(
    `bench:log: engines are ${ENGINES.join(', ')}; parts are ${PARTS.join(', ')}; numbers are whole, from 1\n`,
  );
  process.exit(2);
}
bootstrapOrExit({ packages: 'required' });
ensurePackages([{ name: 'etcd-server', command: 'etcd' }], true);

const { compareLoads, compareFailovers, openMillion } = await import('./bench-log/parts.mjs');
const { EtcdCluster, PlainEtcdCluster } = await import('./bench-log/etcd.mjs');
const { OurCluster } = await import('./bench-log/ours.mjs');

const engines = [EtcdCluster, PlainEtcdCluster, OurCluster].filter(({ engine }) => wanted.engines.includes(engine));
const directory = mkdtempSync(join(tmpdir(), 'snapcommit-bench-log-'));
const clusters = [];
let met = true;
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.on('exit', () => {
  for (const cluster of clusters) cluster.kill();
  rmSync(directory, { recursive: true, force: true });
});
for (const Engine of engines) clusters.push(await Engine.start(join(directory, Engine.engine)));
const parts = { load: compareLoads, failover: compareFailovers, million: openMillion };
const [rounds, seconds, failovers] = counts;
for (const part of wanted.parts) {
  const settings = { clients, rounds, seconds, failovers, warmUpSeconds };
  met = (await parts[part](clusters, settings)) && met;
}
process.exitCode = met ? 0 : 1;
for (const cluster of clusters) await cluster.stop();
