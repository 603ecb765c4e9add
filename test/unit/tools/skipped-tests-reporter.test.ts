import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startVitest } from 'vitest/node';
import { skippedLines } from '../../../tools/skipped-tests-reporter.ts';
import { projectRoot } from '../../paths.ts';

describe('skippedLines', () => {
  it('says each reason once, above the tests that it skips', () => {
    expect(
      skippedLines([
        { file: 'a.test.ts', name: 'pages > open', reason: 'no browser' },
        { file: 'a.test.ts', name: 'shell' },
        { file: 'b.test.ts', name: 'pages > close', reason: 'no browser' },
      ]),
    ).toEqual([
      '3 skipped tests:',
      '  no browser',
      '    a.test.ts: pages > open',
      '    b.test.ts: pages > close',
      '  no reason given',
      '    a.test.ts: shell',
    ]);
  });

  it('says nothing when no test is skipped', () => {
    expect(skippedLines([])).toEqual([]);
  });
});

describe('the reporter', () => {
  let folder: string;
  beforeAll(async () => {
    // In the project, so that the tests find vitest.
    await mkdir(join(projectRoot, '.local'), { recursive: true });
    folder = await mkdtemp(join(projectRoot, '.local/skipped-'));
    const source = `
      import { describe, it } from 'vitest';
      import { skippedBecause } from '${join(projectRoot, 'test/support/skipped.ts')}';
      describe('a suite', skippedBecause('no browser'), () => { it('opens a page', () => undefined); });
      describe('another suite', skippedBecause(undefined), () => { it('runs', () => undefined); });
      it.skip('is forgotten', () => undefined);
      it('ends early', ({ skip }) => skip('no network'));
    `;
    await writeFile(join(folder, 'some.test.ts'), source);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const printed = async (options: object): Promise<string> => {
    const log = vi.spyOn(console, 'log').mockReturnValue(undefined);
    try {
      const reporter = join(projectRoot, 'tools/skipped-tests-reporter.ts');
      const run = {
        config: false as const,
        root: folder,
        watch: false,
        maxWorkers: 1,
        reporters: [reporter],
        ...options,
      };
      await (await startVitest('test', [], run)).close();
      return log.mock.calls.map(([line]) => String(line)).join('\n');
    } finally {
      log.mockRestore();
    }
  };

  it('prints skipped tests of a suite, single tests and tests that skip themselves', async () => {
    expect(await printed({})).toBe(
      [
        '3 skipped tests:',
        '  no browser',
        '    some.test.ts: a suite > opens a page',
        '  no reason given',
        '    some.test.ts: is forgotten',
        '  no network',
        '    some.test.ts: ends early',
      ].join('\n'),
    );
  });

  it('prints nothing when tests are chosen by name', async () => {
    expect(await printed({ testNamePattern: 'runs' })).toBe('');
  });
});
