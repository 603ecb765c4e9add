import { runAuditCampaign } from './campaign.ts';

// npm run test:audit -- [COUNT] [SEED]

const [count = 10_000, seed = 1] = process.argv.slice(2).map(Number);
const { byName, falseAlarms, missed, tamperings, untouched, proven } = await runAuditCampaign({ count, seed });
for (const [name, { made, named }] of [...byName].toSorted(([left], [right]) => left.localeCompare(right)))
  console.log(`${String(named).padStart(7)} of ${String(made).padStart(5)} ${name}`);
console.log(
  `${tamperings} tamperings, ${missed.length} not found or not named; ${untouched} untouched exports, ${proven} proven, ${falseAlarms.length} with a false alarm`,
);
for (const line of [...falseAlarms, ...missed].slice(0, 20)) console.log(line);
process.exitCode = missed.length + falseAlarms.length === 0 ? 0 : 1;
