import { runCredentialCampaign } from './campaign.ts';

// npm run attack:credential -- [COUNT] [SEED]

const [count = 10_000, seed = 1] = process.argv.slice(2).map(Number);
const { violations, counts, ...totals } = await runCredentialCampaign({ count, seed });
for (const [name, times] of Object.entries(counts).toSorted(([left], [right]) => left.localeCompare(right)))
  console.log(`${String(times).padStart(7)} ${name}`);
console.log(
  `${totals.sequences} sequences, ${totals.steps} steps, ${totals.heals} heals, ${totals.drills} drills (${totals.unfinishedDrills} unfinished), ${violations.length} violations`,
);
for (const violation of violations.slice(0, 20)) console.log(JSON.stringify(violation));
process.exitCode = violations.length === 0 ? 0 : 1;
