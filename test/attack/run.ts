/** `npm run attack -- [NAME …]`: attacks the app. Exit code 1 if a promise breaks or an attack cannot be made. */
import { parseArgs } from 'node:util';
import { seededRandom } from '../fakes/fake-clock.ts';
import { make, type Verdict } from './attack.ts';
import { allAttacks } from './attacks/index.ts';
import { reportText } from './report.ts';
import { startStage } from './stage.ts';

const usage = `Usage: npm run attack -- [--seed N] [--short] [--json] [NAME …]
Attacks: ${allAttacks.map(({ name }) => name).join(', ')}`;

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        seed: { type: 'string', default: '1' },
        short: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    const seed = Number(values.seed);
    const unknown = positionals.filter((wanted) => allAttacks.every(({ name }) => name !== wanted));
    if (unknown.length > 0) throw new TypeError(`There is no attack ${unknown.join(', ')}.`);
    if (!Number.isInteger(seed)) throw new TypeError('--seed must be a whole number.');
    return { ...values, seed, names: positionals };
  } catch (thrown) {
    console.error(`${thrown instanceof Error ? thrown.message : String(thrown)}\n${usage}`);
    process.exit(2);
  }
}

const { seed, short, json, names } = readArguments();
const chosen = allAttacks.filter(({ name }) => names.length === 0 || names.includes(name));
console.error(`Starting the app, its storage and the simulated cloud; seed ${seed}`);
const stage = await startStage(seed);
const verdicts: Verdict[] = [];
try {
  for (const attack of chosen) {
    console.error(`${attack.name}: ${attack.tries}`);
    const verdict = await make(attack, stage, { seed, random: seededRandom(seed), full: !short });
    verdicts.push(verdict);
    console.error(`  ${verdict.verdict}, ${verdict.attempts} attempts, ${verdict.seconds.toFixed(0)} s`);
    stage.cloud.clearFaults();
  }
} finally {
  await stage.stop();
}
console.log(json ? JSON.stringify({ seed, attacks: verdicts }, null, 2) : reportText(verdicts));
process.exit(verdicts.every(({ verdict }) => verdict === 'held') ? 0 : 1);
