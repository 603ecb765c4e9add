import { expect, it } from 'vitest';
import { runAuditCampaign } from '../../../campaigns/audit/campaign.ts';

// `npm run test:audit` runs 10,000.
it('finds and names every tampering with generated exports, and none in untouched ones', async () => {
  const { tamperings, byName, missed, falseAlarms } = await runAuditCampaign({ count: 100, seed: 20 });
  expect(missed).toEqual([]);
  expect(falseAlarms).toEqual([]);
  expect(tamperings).toBe(100);
  expect(byName.size).toBeGreaterThan(20);
});
