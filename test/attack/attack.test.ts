import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest';
import { seededRandom } from '../fakes/fake-clock.ts';
import { projectRoot } from '../paths.ts';
import { type Attack, control, make } from './attack.ts';
import { attacks } from './attacks/index.ts';
import { reportText } from './report.ts';
import { type Stage, startStage } from './stage.ts';

// `npm run attack` is the long form.
const seed = 1;

describe('the running app', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(seed);
  });
  afterEach(() => stage.cloud.clearFaults());
  afterAll(() => stage?.stop());

  it.each(attacks)('withstands $name: $tries', { timeout: 240_000 }, async (attack) => {
    const verdict = await make(attack, stage, { seed, random: seededRandom(seed), full: false });
    const { name, attempts, breaks, notes, seconds } = verdict;
    console.log(`attack ${name}: ${attempts} attempts, ${breaks.length} breaks, ${seconds.toFixed(1)} s`);
    expect({ breaks, verdict: verdict.verdict, notes }).toEqual({ breaks: [], verdict: 'held', notes });
  });
});

test.each(attacks)('SECURITY.md has the promise that $name attacks', async ({ promise }) => {
  expect(await readFile(join(projectRoot, 'SECURITY.md'), 'utf8')).toContain(`**${promise}`);
});

describe('make', () => {
  const attackOf = (run: Attack['run']): Attack => ({ name: 'x', tries: 'y', promise: 'z', run });
  const verdictOf = (run: Attack['run']) =>
    make(attackOf(run), {} as Stage, { seed, random: seededRandom(seed), full: false });

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
