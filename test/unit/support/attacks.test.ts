import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Attack, control, make } from '../../attack/attack.ts';
import { allAttacks } from '../../attack/attacks/index.ts';
import { reportText } from '../../attack/report.ts';
import type { Stage } from '../../attack/stage.ts';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { projectRoot } from '../../paths.ts';

describe('SECURITY.md', () => {
  const security = readFileSync(join(projectRoot, 'SECURITY.md'), 'utf8');
  const promises = /## What is promised\n([^]*?)\n## /.exec(security)?.[1]?.match(/^\d+\. \*\*.*$/gm) ?? [];

  it.each(allAttacks)('names the attack $name beside the promise that it attacks', ({ name, promise }) => {
    const line = promises.find((text) => text.includes(`. **${promise}`)) ?? '';
    expect(line).toMatch(new RegExp(`[[ ]${name}[\\],]`));
  });

  it('names attacks or tests that exist, for every promise', () => {
    expect(promises.length).toBeGreaterThan(5);
    for (const line of promises) {
      const files = [...line.matchAll(/\]\((test\/[^)]+)\)/g)].map(([, file = '']) => file);
      expect({ line, count: files.length }).not.toMatchObject({ count: 0 });
      for (const file of files) expect([file, existsSync(join(projectRoot, file))]).toEqual([file, true]);
    }
  });
});

describe('make', () => {
  const attackOf = (run: Attack['run']): Attack => ({ name: 'x', tries: 'y', promise: 'z', run });
  const verdictOf = (run: Attack['run']) =>
    make(attackOf(run), {} as Stage, { seed: 1, random: seededRandom(1), full: false });

  it('returns broken for an attempt that breaks the promise, even if the attack fails later', async () => {
    const verdict = await verdictOf(async (_stage, _options, tally) => {
      tally.attempt(true, 'fine');
      tally.attempt(false, 'a token for everybody');
      control(false, 'no more');
    });
    expect(verdict).toMatchObject({ attempts: 2, breaks: ['a token for everybody'], verdict: 'broken' });
    expect(reportText([verdict])).toContain('BROKEN a token for everybody');
  });

  it.each<[string, Attack['run']]>([
    ['attempts nothing', async () => undefined],
    [
      'cannot be made',
      async (_stage, _options, tally) => {
        tally.attempt(true, 'fine');
        control(false, 'no token for anybody');
      },
    ],
  ])('returns "not made" for an attack that %s', async (_, run) => {
    expect(await verdictOf(run)).toMatchObject({ verdict: 'not made' });
  });
});
