// Which test files run where: all of test/zfs and what suites.json names inside a guest, all of test/vm beside guests.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testFiles } from '../lib/test-files.mjs';

/** @typedef {{ name: string, label: string, env: Readonly<Record<string, string>>, timeoutMs: number }} Suite */

/** Instead of a sample: see test/crash/sample.ts and test/support/volume-kinds.ts. */
const ALL = { SNAPCOMMIT_CRASH_POINTS: 'all', SNAPCOMMIT_TEST_SHARE: '1' };
const ALL_TIMEOUT_MS = 12 * 3600 * 1000;

/**
 * @param {readonly string[]} wanted parts of names; none: all
 * @param {{ seconds: number, all?: boolean }} options `all`: nothing is sampled, however long it takes
 * @returns {{ inside: Suite[], outside: Suite[] }}
 */
export function suites(wanted, { seconds, all = false }, list = readList()) {
  const files = testFiles(seconds);
  const made = (file, env) =>
    all ? suite({ ...file, timeoutMs: ALL_TIMEOUT_MS }, { ...env, ...ALL }) : suite(file, env);
  const room = (name) => files.filter((file) => file.name.startsWith(`${name}/`)).map((file) => made(file, {}));
  const guests = list.map(({ test, env, timeoutSeconds }) => {
    const file = files.find(({ name }) => name === test);
    if (file === undefined) throw new Error(`scripts/vm/suites.json names ${test}, which has no source under test/`);
    return made(timeoutSeconds === undefined ? file : { ...file, timeoutMs: timeoutSeconds * 1000 }, env ?? {});
  });
  const chosen = ({ label }) => wanted.length === 0 || wanted.some((part) => label.includes(part));
  return { inside: [...room('zfs'), ...guests].filter(chosen), outside: room('vm').filter(chosen) };
}

function suite({ name, timeoutMs }, env) {
  const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  return { name, label: [...settings, name].join(' '), env, timeoutMs };
}

function readList() {
  const file = join(dirname(fileURLToPath(import.meta.url)), 'suites.json');
  return JSON.parse(readFileSync(file, 'utf8')).inside;
}
