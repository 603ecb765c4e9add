/** `npm run chaos -- --seed N --minutes M`: disturbs the product, then checks the promises. Exit code 1 if one is broken. */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '3' },
    tenants: { type: 'string', default: '30' },
  },
});
const [seed, minutes, tenants] = [values.seed, values.minutes, values.tenants].map(Number);
if (!Number.isInteger(seed) || !(Number(minutes) > 0) || !Number.isInteger(tenants)) {
  console.error('Usage: npm run chaos -- [--seed N] [--minutes M] [--tenants T]');
  process.exit(2);
}
const report = await runCampaign({
  seed: Number(seed),
  seconds: Number(minutes) * 60,
  tenants: Number(tenants),
  say: (line) => console.error(line),
});
console.log(JSON.stringify(report, null, 2));
console.error(
  report.violations.length === 0
    ? `Every promise was kept: ${report.tokens} tokens, ${report.requests} requests, ${Object.values(report.disturbances).reduce((sum, count) => sum + count, 0)} disturbances.`
    : `${report.violations.length} violations.`,
);
process.exit(report.violations.length === 0 ? 0 : 1);
