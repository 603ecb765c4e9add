import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fileOutput, prefixedOutput } from '../../../../src/cli/exec/child-output.ts';
import { captureOutput } from '../../../support/captured-output.ts';
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

it('keeps a line from commanding a pipeline, and its colours', async () => {
  const said = captureOutput();
  const chunks = async function* () {
    yield Buffer.from('\u001b[31m##[stop-commands]x\n##vso[task.setsecret]e\n');
  };
  await prefixedOutput(tenant, 11)(chunks(), 'stdout');
  expect(said.out).toBe(
    'contoso.com | \u001b[31m\\u0023#[stop-commands]x\ncontoso.com | \\u0023#vso[task.setsecret]e\n',
  );
});

it.skipIf(process.platform === 'win32')('the output in a file is private, whatever was there before', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'private-'));
  try {
    const file = join(folder, 'stdout.txt');
    writeFileSync(file, 'older', { mode: 0o644 });
    await fileOutput(folder)(twoLines(), 'stdout');
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
