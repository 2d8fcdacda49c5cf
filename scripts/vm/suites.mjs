// Which test files run where: all of test/zfs and what suites.json names inside a guest, all of test/vm beside guests.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testFiles } from '../lib/test-files.mjs';

/** @typedef {{ name: string, label: string, env: Readonly<Record<string, string>>, timeoutMs: number }} Suite */

/** @param {readonly string[]} wanted parts of names; none: all @returns {{ inside: Suite[], outside: Suite[] }} */
export function suites(wanted, seconds, list = readList()) {
  const files = testFiles(seconds);
  const room = (name) => files.filter((file) => file.name.startsWith(`${name}/`)).map((file) => suite(file, {}));
  const guests = list.map(({ test, env }) => {
    const file = files.find(({ name }) => name === test);
    if (file === undefined) throw new Error(`scripts/vm/suites.json names ${test}, which has no source under test/`);
    return suite(file, env ?? {});
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
