/** Temporary directories that go away with the test that made them, also when it fails. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** A new empty directory, removed at the end of `t`. Make it before what is mounted or held in it: teardowns run backwards. */
export function temporaryDirectory(t: Test, name = 'test'): string {
  const directory = mkdtempSync(join(tmpdir(), `snapcommit-${name}-`));
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}
