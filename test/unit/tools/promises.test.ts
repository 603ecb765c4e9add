import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { benches } from '../../../bench/benches.ts';
import { promisesText, readPromises } from '../../../tools/promises.ts';
import { projectRoot } from '../../paths.ts';

describe('docs/promises.json', () => {
  const tests = readPromises().flatMap((promised) => promised.tests);

  it.each(tests)('names a test that exists: $file $name', ({ file, name }) => {
    expect(existsSync(join(projectRoot, file))).toBe(true);
    if (name !== undefined) expect(readFileSync(join(projectRoot, file), 'utf8')).toContain(name);
  });

  it('names benchmarks that exist', () => {
    const known = benches.map(({ name }) => name);
    for (const bench of readPromises().flatMap(({ benches = [] }) => benches)) expect(known).toContain(bench);
  });
});

describe('docs/promises.md', () => {
  const promised = {
    promise: 'It holds.',
    goal: 'nothing breaks',
    tests: [{ file: 'test/a.test.ts' }],
    benches: ['b'],
  };

  it('says what failed, what passed and what was printed', () => {
    const record = {
      'test/a.test.ts': [
        { name: 'one', state: 'passed', said: ['\u001b[22mfigure: 3 | 4'] },
        { name: 'two', state: 'failed', said: [] },
      ],
    };
    const goals = [{ goal: 'fast', reached: false, value: '3' }];
    const text = promisesText([promised], record, { b: { title: 'B', setting: '', figures: [], goals } });
    expect(text).toContain(String.raw`**1 failed**, 1 passed<br>figure: 3 \| 4 |`);
    expect(text).toContain('fast | **missed**: 3 |');
  });

  it('does not pretend that what was not run has passed', () => {
    const text = promisesText([promised], {}, {});
    expect(text.match(/not in the last run/g)).toHaveLength(2);
  });

  it('says what was measured of the tests, and what was not', () => {
    const text = promisesText(
      [],
      {},
      {},
      {
        campaign: {
          seed: 7,
          seconds: 180,
          disturbances: { a: 2, b: 3 },
          requests: 9,
          tokens: 4,
          rotations: 1,
          runs: { completed: 2, failed: 1 },
          scannedMiB: 1.6,
          violations: ['lost'],
        },
        mutants: {
          files: {
            'a.ts': { mutants: ['Killed', 'Survived', 'CompileError'].map((status) => ({ status })) },
            'b.ts': { mutants: ['Timeout', 'NoCoverage'].map((status) => ({ status })) },
          },
        },
      },
    );
    expect(text).toContain(
      '| **missed**: seed 7, 3 minutes: 5 disturbances of 2 kinds, 9 requests, 4 tokens, 1 rotations, 3 runs, 2 MiB scanned, 1 violations |',
    );
    expect(text).toContain('| **missed**: 50.0 %: 2 of 4 mutants detected |');
    expect(text).toContain('goal 95 % | not measured in this checkout |');
  });
});
