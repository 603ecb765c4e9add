import { setTimeout as delay } from 'node:timers/promises';
import { readDocument, readLedger, resetLedger } from 'microsoft-cloud/client';
import { type Bench, figure, round } from './measure.ts';
import { runScript } from './sequential-script.ts';
import { startWhole, type Whole } from './whole.ts';

const tenants = 1_000;
const jobs = ['access-check', 'licence-report', 'mfa-report'];
/** What each job needs in a tenant, by the names that Entra knows. */
const graph = 'https://graph.microsoft.com';
const needs = [[graph, 'https://outlook.office365.com', 'https://management.azure.com'], [graph], [graph]];
const sampleTenants = 50;
/** A script reads client id, client secret and refresh token from the vault, as Microsoft advises. */
const vaultReadsPerScript = 3;

/** Requests to Entra and Key Vault for three jobs in one hour: counted by the simulated cloud, not by the broker. */
export const upstreamRequests: Bench = {
  name: 'upstream-requests',
  run: async () => {
    const whole = await startWhole({ tenants });
    try {
      await resetLedger(whole.cloud.control);
      for (const job of jobs) await runToEnd(whole, job);
      const { totals } = await readLedger(whole.cloud.control);
      const script = await scriptRequests(whole);
      const leastEntra = tenants * new Set(needs.flat()).size;
      return {
        title: 'Requests to Entra and Key Vault: three jobs over 1,000 tenants in one hour',
        setting: `${jobs.join(', ')} one after the other, by the broker and by scripts that redeem what each job needs and keep nothing (counted over ${sampleTenants} tenants and multiplied; ${vaultReadsPerScript} readings of Key Vault a script). The broker's count includes what listing the tenants costs.`,
        figures: [
          figure('broker, token requests to Entra', 'requests', [totals.entraTokenRequests]),
          figure('scripts, token requests to Entra', 'requests', [script]),
          figure('broker, readings of Key Vault', 'requests', [totals.keyVaultReads]),
          figure('scripts, readings of Key Vault', 'requests', [vaultReadsPerScript * jobs.length]),
          figure('broker, requests to Graph', 'requests', [totals.graphRequests]),
        ],
        goals: [
          {
            goal: 'one redemption per tenant and resource in the hour, and at most five for the partner itself',
            reached: totals.entraTokenRequests <= leastEntra + 5,
            value: `${totals.entraTokenRequests - leastEntra} beyond ${leastEntra}`,
          },
          {
            goal: 'fewer than the scripts',
            reached: totals.entraTokenRequests < script,
            value: `${round(totals.entraTokenRequests / script)} of theirs`,
          },
        ],
        charts: [
          {
            file: 'upstream-requests',
            kind: 'bars',
            title: 'Token requests to Entra in the hour',
            bars: [
              { label: 'broker', figure: 'broker, token requests to Entra' },
              { label: 'scripts', figure: 'scripts, token requests to Entra' },
            ],
          },
        ],
      };
    } finally {
      await whole.stop();
    }
  },
};

async function runToEnd(whole: Whole, job: string): Promise<void> {
  const runId = await whole.api.startRun(job);
  for (;;) {
    await Promise.race([delay(500), whole.broken]);
    const { status } = await whole.api.run(runId);
    if (status === 'completed') return;
    if (status !== 'pending' && status !== 'running') throw new Error(`${job} is ${status}`);
  }
}

async function scriptRequests(whole: Whole): Promise<number> {
  const cloud = await readDocument(whole.cloud.control);
  const sample = cloud.tenants.slice(0, sampleTenants).map(({ tenantId }) => tenantId);
  await resetLedger(whole.cloud.control);
  for (const resources of needs) await runScript(cloud, sample, resources);
  const { totals } = await readLedger(whole.cloud.control);
  return (totals.entraTokenRequests / sampleTenants) * tenants;
}
