import { runCredentialCampaign } from '../../campaigns/credential/campaign.ts';
import { type Attack, control } from '../attack.ts';

const sequences = { full: 10_000, short: 200 } as const;

/** Does not need the running app: it runs the credential code with a simulated vault, Graph and Entra. */
export const credential: Attack = {
  name: 'credential',
  tries:
    'to leave a wrong or revoked credential in use by random sequences of commands, edits by hand, faults and drills',
  promise: 'The credential can be revoked quickly',
  run: async (_stage, { seed, full }, tally) => {
    const count = full ? sequences.full : sequences.short;
    const { steps, counts, drills, unfinishedDrills, heals, violations } = await runCredentialCampaign({ count, seed });
    control(drills > 0 && heals > 0, 'no sequence has a drill, or none heals');
    for (let held = violations.length; held < count; held += 1) tally.attempt(true, 'a sequence');
    for (const violation of violations) tally.attempt(false, JSON.stringify(violation));
    tally.note(`${steps} steps of ${Object.keys(counts).length} kinds, ${heals} heals`);
    tally.note(`${drills} drills, of which ${unfinishedDrills} reported that an account in the vault does not exist`);
  },
};
