import { expect, it } from 'vitest';
import { History } from './approval-history.ts';
import type { Tally } from './approval-world.ts';

/** `npm run fuzz` plays as many as docs/promises.md says, `npm test` what takes about three seconds. */
const histories = process.env['FUZZ_EXTENT'] === 'full' ? 100_000 : 1_500;
const steps = 16;
const firstSeed = Number(process.env['FUZZ_SEED'] ?? '1');

it(`${histories} generated histories of approvals go as the reference says`, { timeout: 3_600_000 }, async () => {
  const tally: Tally = {};
  const problems: string[] = [];
  for (let seed = firstSeed; seed < firstSeed + histories && problems.length < 5; seed += 1) {
    const history = new History(seed, tally);
    await history.play(steps);
    problems.push(...history.problems.map((problem) => `seed ${seed}: ${problem}`));
  }
  expect(problems).toEqual([]);
  // Each of these must happen often enough to be significant.
  const significant = [
    'asks',
    'waits',
    'served',
    'confirmed',
    'stopped',
    'left',
    'given back',
    'repeated',
    'died with a claim',
    'kept',
    'failed',
    'revoked under way',
    'used',
    'refused',
    'raced',
    'expired',
    'ended',
  ];
  for (const what of [...significant, 'approve', 'deny', 'revoke', 'approve refused'])
    expect(`${what} ${(tally[what] ?? 0) > histories / 150}`).toBe(`${what} true`);
  console.log(`approvals: ${histories} histories of ${steps} steps (first seed ${firstSeed}), 0 disagreements`, tally);
});
