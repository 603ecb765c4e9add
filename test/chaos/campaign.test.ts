import { expect, test } from 'vitest';
import { runCampaign } from './campaign.ts';

// `npm run chaos -- --seed N --minutes M` is the long form.
test('every promise holds during six seconds of faults', { timeout: 240_000 }, async () => {
  const report = await runCampaign({
    seed: 7,
    seconds: 6,
    atLeast: { tokens: 21, kinds: 6 },
    say: () => undefined,
  });
  console.log(
    `chaos: ${Object.values(report.disturbances).reduce((sum, count) => sum + count, 0)} disturbances, ${report.requests} requests, ${report.tokens} tokens, ${report.scannedMiB.toFixed(1)} MiB scanned, ${report.violations.length} violations`,
  );
  expect(report.violations).toEqual([]);
  expect(report.tokens).toBeGreaterThan(20);
  expect(Object.keys(report.disturbances).length).toBeGreaterThan(5);
});
