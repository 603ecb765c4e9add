import { runCredentialCampaign } from '../../campaigns/credential/campaign.ts';
import type { Attack } from '../attack.ts';

export const credential: Attack = {
  name: 'credential',
  tries: 'random sequences of rotations, edits of the vault, faults and revocations, in simulated time',
  promise: 'The credential can be revoked quickly',
  run: async (_stage, { full, seed }, tally) => {
    const result = await runCredentialCampaign({ count: full ? 5_000 : 20, seed });
    const violated = new Set(result.violations.map((violation) => violation.seed));
    for (let nth = seed; nth < seed + result.sequences; nth += 1) {
      if (!violated.has(nth)) tally.attempt(true, `sequence ${nth}`);
    }
    for (const violation of result.violations) tally.attempt(false, JSON.stringify(violation));
    tally.note(`${result.sequences} sequences, ${result.steps} steps, ${result.heals} heals`);
  },
};
