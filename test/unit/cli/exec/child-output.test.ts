import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fileOutput, prefixedOutput } from '../../../../src/cli/exec/child-output.ts';
import { writeWhole } from '../../../../src/cli/whole-file.ts';
import { exampleExecTenant as tenant } from './example-tenant.ts';

afterEach(() => void vi.restoreAllMocks());

async function* twoLines() {
  yield Buffer.from('one\ntwo\n');
}

describe('the output of many programs', () => {
  it('waits for a slow reader with one listener, and writes every line', async () => {
    const written: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written.push(String(text));
      return false;
    });
    const before = process.stdout.listenerCount('drain');
    const all = Array.from({ length: 30 }, () => prefixedOutput(tenant, 11)(twoLines(), 'stdout'));
    for (let turn = 0; turn < 20; turn += 1) {
      await setImmediate();
      expect(process.stdout.listenerCount('drain') - before).toBeLessThan(2);
      (process.stdout as EventEmitter).emit('drain');
    }
    await Promise.all(all);
    expect(written).toHaveLength(60);
    expect(new Set(written)).toEqual(new Set(['contoso.com | one\n', 'contoso.com | two\n']));
  });
});

describe('a file that others could read before', () => {
  it.each<[string, string, (folder: string) => Promise<void>]>([
    ['the output of a program', 'stdout.txt', (folder) => fileOutput(folder)(twoLines(), 'stdout')],
    ['a file that is written as a whole', 'rows.csv', (folder) => writeWhole(join(folder, 'rows.csv'), twoLines())],
  ])('is private once it is %s', async (_what, name, write) => {
    const folder = mkdtempSync(join(tmpdir(), 'private-'));
    try {
      for (const left of [name, `${name}.part`]) writeFileSync(join(folder, left), 'older', { mode: 0o644 });
      await write(folder);
      expect(readFileSync(join(folder, name), 'utf8')).toBe('one\ntwo\n');
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
