import { expect, it } from 'vitest';
import { attackWorld, runAuditCampaign } from '../../../campaigns/audit/campaign.ts';

// `npm run test:audit` runs 10,000.
it('finds and names every tampering with generated exports, and none in untouched ones', async () => {
  const { tamperings, byName, missed, falseAlarms } = await runAuditCampaign({ count: 100, seed: 20 });
  expect(missed).toEqual([]);
  expect(falseAlarms).toEqual([]);
  expect(tamperings).toBe(100);
  expect(byName.size).toBeGreaterThan(20);
});

it('expects the name of the first removed record that a checkpoint has read', async () => {
  // The records from 17 to 22 were never read by a checkpoint, and those that told of them are removed as well.
  expect(await attackWorld(728_946_057)).toMatchObject({ name: 'ended chain continued, then removed', isNamed: true });
});
