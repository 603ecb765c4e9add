import { distinguish } from './distinguish.ts';
import { runProofCampaign } from './proof-campaign.ts';

// npm run test:proof -- [TAMPERINGS] [HONEST] [TRIALS] [SEED]

const [tamperings = 10_000, honest = 1_000, trials = 1_000, seed = 1] = process.argv.slice(2).map(Number);
const found = await runProofCampaign(tamperings, honest, seed);
for (const [name, made] of [...found.tamperings].toSorted(([left], [right]) => left.localeCompare(right)))
  console.log(`${String(made).padStart(7)} ${name}`);
const made = [...found.tamperings.values()].reduce((sum, each) => sum + each, 0);
console.log(`${made} tamperings, ${found.missed.length} proven`);
console.log(
  `${found.honest} honest extracts: ${found.proven} proven, ${found.uncovered} of a period that no checkpoint covers, ${found.falseAlarms.length} with a false alarm, ${found.incomplete.length} incomplete, ${found.contradicted} with unsigned records of the proven time`,
);
for (const line of [...found.missed, ...found.falseAlarms, ...found.incomplete].slice(0, 20)) console.log(line);

const told = trials === 0 ? [] : await distinguish(trials, seed);
let isBlind = true;
for (const { game, statistic, right, trials: played } of told) {
  // Within four standard deviations of a coin: with this many statistics, about one run in 800 has one beyond.
  const isTold = right > played / 2 + 4 * Math.sqrt(played / 4);
  isBlind &&= !isTold;
  console.log(
    `${String(right).padStart(7)} of ${played} right by ${statistic} (${game})${isTold ? ' TOLD APART' : ''}`,
  );
}
process.exitCode = found.missed.length + found.falseAlarms.length + found.incomplete.length === 0 && isBlind ? 0 : 1;
