import { expect, it } from 'vitest';
import { runProofCampaign } from '../../../../campaigns/proof/proof-campaign.ts';

/** A campaign has 10,000 false extracts: PROOF_TAMPERINGS=10000 PROOF_HONEST=1000. */
const tamperings = Number(process.env['PROOF_TAMPERINGS'] ?? 500);
const honest = Number(process.env['PROOF_HONEST'] ?? 60);

it('proves honest extracts of fleets with crashes and late records and no false one', {
  timeout: 10_000_000,
}, async () => {
  const found = await runProofCampaign(tamperings, honest, Number(process.env['PROOF_SEED'] ?? 1));
  expect(found.falseAlarms).toEqual([]);
  expect(found.incomplete).toEqual([]);
  expect(found.missed).toEqual([]);
  expect(found.proven).toBeGreaterThan(honest / 2);
});
