import { expect, test } from 'vitest';
import { changeOutcomes } from '../../../../src/lib/changes/life.ts';
import { seededRandom } from '../../../fakes/fake-clock.ts';
import { judgeLife, simulateLife } from './simulated-life.ts';

const histories = 100_000;

test(`no change takes effect twice or is told wrongly in ${histories} histories of late reads and lost answers`, () => {
  const wrong = new Map<string, number[]>();
  const ends = new Map<string, number>();
  let sentTwice = 0;
  for (let seed = 1; seed <= histories; seed += 1) {
    const life = simulateLife(seededRandom(seed));
    const problem = judgeLife(life);
    if (problem !== undefined) wrong.set(problem, [...(wrong.get(problem) ?? []), seed]);
    if (life.stage.at === 'done') ends.set(life.stage.outcome, (ends.get(life.stage.outcome) ?? 0) + 1);
    if (life.truth.departures.filter(({ knownWithoutEffect }) => !knownWithoutEffect).length === 2) sentTwice += 1;
  }
  expect(Object.fromEntries([...wrong].map(([problem, seeds]) => [problem, seeds.slice(0, 3)]))).toEqual({});
  // The histories reach every outcome, and the second sending.
  for (const outcome of changeOutcomes) expect([outcome, (ends.get(outcome) ?? 0) > 100]).toEqual([outcome, true]);
  expect(sentTwice).toBeGreaterThan(100);
});
