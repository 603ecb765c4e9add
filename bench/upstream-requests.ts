import { setTimeout as delay } from 'node:timers/promises';
import { readDocument, readLedger, resetLedger } from 'microsoft-cloud/client';
import { type Bench, embeddedHost, figure, round } from './measure.ts';
import { runScript } from './sequential-script.ts';
import { startProduct, type Product } from './product.ts';

const tenants = 1_000;
const jobs = ['access-check', 'licence-report', 'mfa-report'];
/** The resources that each job needs in a tenant, by their identifiers in Entra. */
const graph = 'https://graph.microsoft.com';
const needs = [[graph, 'https://outlook.office365.com', 'https://management.azure.com'], [graph], [graph]];
const sampleTenants = 50;
/** A script reads client id, client secret and refresh token from the vault, as Microsoft advises. */
const vaultReadsPerScript = 3;

/** Requests to Entra and Key Vault for three jobs in one hour, as the simulated cloud counts them. */
export const upstreamRequests: Bench = {
  name: 'upstream-requests',
  run: async () => {
    const product = await startProduct({ tenants });
    try {
      await resetLedger(product.cloud.control);
      for (const job of jobs) await runToEnd(product, job);
      const { totals } = await readLedger(product.cloud.control);
      const script = await scriptRequests(product);
      const leastEntra = tenants * new Set(needs.flat()).size;
      return {
        title: 'Requests to Entra and Key Vault: three jobs over 1,000 tenants in one hour',
        engine: embeddedHost,
        setting: `${jobs.join(', ')} one after the other. The scripts cache nothing; scaled up from ${sampleTenants} tenants. The broker also lists the tenants.`,
        figures: [
          figure('broker, token requests to Entra', 'requests', [totals.entraTokenRequests]),
          figure('scripts, token requests to Entra', 'requests', [script]),
          figure('broker, reads of Key Vault', 'requests', [totals.keyVaultReads]),
          figure('scripts, reads of Key Vault', 'requests', [vaultReadsPerScript * jobs.length]),
          figure('broker, requests to Graph', 'requests', [totals.graphRequests]),
        ],
        unlisted: ['broker, requests to Graph'],
        goals: [
          {
            goal: 'one redemption per tenant and resource, and five for the partner tenant',
            reached: totals.entraTokenRequests <= leastEntra + 5,
            value: `${totals.entraTokenRequests - leastEntra} beyond ${leastEntra}`,
          },
          {
            goal: 'fewer requests than the scripts',
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
      await product.stop();
    }
  },
};

async function runToEnd(product: Product, job: string): Promise<void> {
  const runId = await product.api.startRun(job);
  for (;;) {
    await Promise.race([delay(500), product.broken]);
    const { status } = await product.api.run(runId);
    if (status === 'completed') return;
    if (status !== 'pending' && status !== 'running') throw new Error(`${job} is ${status}`);
  }
}

async function scriptRequests(product: Product): Promise<number> {
  const cloud = await readDocument(product.cloud.control);
  const sample = cloud.tenants.slice(0, sampleTenants).map(({ tenantId }) => tenantId);
  await resetLedger(product.cloud.control);
  for (const resources of needs) await runScript(cloud, sample, resources);
  const { totals } = await readLedger(product.cloud.control);
  return (totals.entraTokenRequests / sampleTenants) * tenants;
}
