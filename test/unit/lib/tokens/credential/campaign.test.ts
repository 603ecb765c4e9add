import { expect, it } from 'vitest';
import { runCredentialCampaign } from '../../../../campaigns/credential/campaign.ts';

// `npm run attack:credential` runs 10,000 sequences.

it('holds five invariants in 80 random sequences of rotation, consent, edits by hand, faults, lag and clock changes', async () => {
  const { sequences, steps, heals, counts, violations } = await runCredentialCampaign({ count: 80, seed: 17 });
  process.stdout.write(
    `credential campaign: ${sequences} sequences, ${steps} steps of ${Object.keys(counts).length} kinds, ${heals} heals, ${violations.length} violations\n`,
  );
  expect(violations).toEqual([]);
  expect(heals).toBeGreaterThan(80);
});

it('runs further steps, and reports a sequence that breaks an invariant with its seed', async () => {
  const takeOver = {
    name: 'a former account takes over',
    run: async (world: { consented: string | undefined }) => {
      world.consented = world.consented === 'account-a' ? 'account-b' : 'account-a';
    },
  };
  const { violations } = await runCredentialCampaign({ count: 20, seed: 1, furtherSteps: [takeOver] });
  expect(violations[0]?.invariant).toContain('an account that did not consent last');
  expect(violations[0]?.steps).toContain('a former account takes over');
});
