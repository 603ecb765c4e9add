import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditAnswer } from '../../../src/lib/api/answers/audit.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { startQuietDemo, tenantOf, tokenOfCaller } from '../../support/running-demo.ts';

/** A run over this many tenants writes more records than fit on one page. */
const tenants = 45;

/** Name of the only rule in the policy. */
export const rule = 'every caller may read the users of every customer';

const policy = {
  version: 1,
  rules: [
    {
      name: rule,
      callers: { applications: ['*'] },
      tenants: ['*'],
      resources: ['graph'],
      scopes: ['User.Read.All'],
      excessScopes: 'record',
    },
  ],
};

/** The broker denies the last two: the first for its scope, the second for its resource, before tenant lookup. */
const tokenRequests = [
  { resource: 'graph' },
  { resource: 'graph' },
  { resource: 'graph', scopes: ['Mail.Read'] },
  { resource: 'exchange' },
];

export interface AuditFixture {
  readonly demo: Demo;
  /** Token of a caller with all roles. */
  readonly token: string;
  /** The caller that sent the token requests. */
  readonly helpdesk: Demo['cloud']['brokerApplication']['callers'][number];
  /** The customer tenant that the token requests named. */
  readonly customer: Demo['cloud']['tenants'][number];
  /** All audit records, newest first: those of the token requests, then those of a run over all tenants. */
  readonly records: AuditAnswer['entries'];
  stop(): Promise<void>;
}

/** Starts a broker with more than one page of audit records, and with a run whose tenant list has a warning. */
export async function startAuditFixture(): Promise<AuditFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-audit-page-'));
  const policyPath = join(folder, 'access-policy.json');
  await writeFile(policyPath, JSON.stringify(policy));
  const hostSettings = async () => ({ ACCESS_POLICY: policyPath, TENANTS_EXCLUDE: 'typo.example' });
  const demo = await startQuietDemo(tenants, { hostSettings });
  const token = await demo.callerToken();
  const runId = await demo.api.startRun('access-check');
  while ((await demo.api.run(runId)).finishedAt === undefined) await new Promise((resolve) => setTimeout(resolve, 300));
  const helpdesk = demo.cloud.brokerApplication.callers.find(({ roles }) => roles.join() === 'Tokens.Request');
  if (helpdesk === undefined) throw new Error('the simulated cloud has no caller whose only role is Tokens.Request');
  const customer = tenantOf(demo, 'ok');
  const helpdeskToken = await tokenOfCaller(demo, ['Tokens.Request']);
  for (const tokenRequest of tokenRequests)
    await fetch(`${demo.url}/api/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${helpdeskToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tenant: customer.domain, ...tokenRequest }),
    });
  const answer = await fetch(`${demo.url}/api/audit?limit=1000`, { headers: { authorization: `Bearer ${token}` } });
  return {
    demo,
    token,
    helpdesk,
    customer,
    records: ((await answer.json()) as AuditAnswer).entries,
    stop: async () => {
      await demo.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
