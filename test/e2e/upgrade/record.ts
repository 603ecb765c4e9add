/**
 * Records what this version stores, and how it answers from it, for the tests of later versions:
 * `node --conditions=workspace-source test/e2e/upgrade/record.ts` writes `test/e2e/upgrade/VERSION.json`. Run it once for a
 * release, after `npm run build`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import project from '../../../package.json' with { type: 'json' };
import { tagCustomers } from '../../../src/cli/demo/customer-changes.ts';
import { startDemo } from '../../../src/cli/demo/start-demo.ts';
import type { TenantId } from '../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../src/lib/core/secrets.ts';
import { writeClientCredential, writeRefreshToken } from '../../../src/lib/tokens/credential/stored-secret.ts';
import { storeCredential } from '../../support/stored-credential.ts';
import { readStored } from '../../support/stored-data.ts';
import { quiet } from '../../support/watched-demo.ts';
import { ask, type Recorded } from './recorded.ts';

/** Properties of the credential. Their values in the vault are no part of a fixture. */
function secrets(): Recorded['secrets'] {
  const tenantId = '11111111-2222-4333-8444-555555555555' as TenantId;
  const [clientId, accountObjectId] = ['22222222-2222-4222-8222-222222222222', '33333333-3333-4333-8333-333333333333'];
  const [obtainedAtMs, expiresAtMs] = [Date.UTC(2026, 10, 24), Date.UTC(2027, 1, 22)];
  const { value: _, ...refreshToken } = writeRefreshToken('default', {
    secret: new Secret('refresh token'),
    clientId,
    account: 'broker@partner.example',
    accountObjectId,
    obtainedAtMs,
    consentedAtMs: obtainedAtMs,
    expiresAtMs,
    mfa: true,
  });
  const credential = { kind: 'secret', secret: new Secret('client secret') } as const;
  const { value: __, ...clientCredential } = writeClientCredential('default', {
    credential,
    clientId,
    tenantId,
    endsAtMs: expiresAtMs,
    keyId: accountObjectId,
  });
  return { refreshToken, clientCredential };
}

const demo = await startDemo({
  ...quiet,
  tenants: 2,
  plain: true,
  obtainCredential: async (_, __, cloud) => storeCredential(cloud),
});
try {
  const headers = { authorization: `Bearer ${await demo.callerToken()}`, 'content-type': 'application/json' };
  const post = async (path: string, body: object): Promise<Record<string, string>> =>
    (await (
      await fetch(`${demo.url}/api${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    ).json()) as Record<string, string>;
  await tagCustomers(demo);
  const runIds: string[] = [];
  for (const path of ['/jobs/licence-report/runs', '/jobs/access-check/runs', '/jobs/block-user-consent/plans']) {
    const { runId = '' } = await post(path, {});
    while ((await demo.api.run(runId)).status !== 'completed') await delay(200);
    runIds.push(runId);
  }
  await post('/tokens', { tenant: demo.cloud.tenants[0]?.tenantId, resource: 'graph' });
  const to = new Date().toISOString();
  const [report = '', check = '', plan = ''] = runIds.map(encodeURIComponent);
  const first = demo.cloud.tenants[0]?.tenantId ?? '';
  const paths = [
    '/runs',
    ...[report, check].flatMap((id) => [`/runs/${id}`, `/runs/${id}/tenants`, `/runs/${id}/results`]),
    `/runs/${report}/tenants/${first}`,
    `/plans/${plan}`,
    '/plans',
    `/jobs/licence-report/history?since=2026-11-01T00:00:00.000Z&until=${to}`,
    `/audit?from=2026-11-01T00:00:00.000Z&to=${to}`,
  ];
  // Records are stored a moment after the answer that they are about.
  await delay(5_000);
  const answers: Record<string, unknown> = {};
  for (const path of paths) answers[path] = await ask(demo, path);
  const recorded: Recorded = { stored: await readStored(demo.connectionString), answers, secrets: secrets() };
  await writeFile(join(import.meta.dirname, `${project.version}.json`), `${JSON.stringify(recorded)}\n`);
} finally {
  await demo.stop();
}
