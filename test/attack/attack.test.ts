import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../fakes/fake-clock.ts';
import { make } from './attack.ts';
import { attacks } from './attacks/index.ts';
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

  it.each(attacks)('withstands $name: $tries', { timeout: 900_000 }, async (attack) => {
    const verdict = await make(attack, stage, { seed, random: seededRandom(seed), full: false });
    const { name, attempts, breaks, notes, seconds } = verdict;
    console.log(`attack ${name}: ${attempts} attempts, ${breaks.length} breaks, ${seconds.toFixed(1)} s`);
    expect({ breaks, verdict: verdict.verdict, notes }).toEqual({ breaks: [], verdict: 'held', notes });
  });
});
