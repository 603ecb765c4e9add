import { runLifecycleCampaign } from './campaign.ts';

// npm run test:lifecycle -- [DAYS] [TENANTS] [TRANSITIONS] [SEED]

const [days = 400, tenants = 300, transitions = 2000, seed = 1] = process.argv.slice(2).map(Number);
const report = await runLifecycleCampaign({ days, tenants, transitions, seed });
for (const [kind, count] of [...report.byKind].toSorted(([left], [right]) => left.localeCompare(right)))
  console.log(`${String(count).padStart(7)} ${kind}`);
console.log(
  `${report.days} days, ${tenants} tenants, ${report.transitions} transitions; ${report.kills} kills, ${report.interruptedCalls} interruptions of a look, ${report.restored} restored tables, ${report.consents} consents asked for`,
);
console.log(
  `${report.announced} events announced, ${report.missed.length} missed, ${report.unexpected.length} duplicates or not expected`,
);
const { receivers } = report;
console.log(
  `${receivers.missed} not told to the chat or the program; ${receivers.interrupted} deliveries interrupted, ${receivers.repeated} requests repeated, ${receivers.messages} messages in the chat`,
);
for (const line of [...report.missed.map((line) => `missed: ${line}`), ...report.unexpected].slice(0, 20))
  console.log(line);
process.exitCode = report.missed.length + report.unexpected.length + receivers.missed === 0 ? 0 : 1;
