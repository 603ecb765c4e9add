import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditAnswer } from '../../../src/lib/api/answers/audit.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { startQuietDemo, tenantOf, tokenOfCaller } from '../../support/running-demo.ts';

/** A run over so many leaves more records than one page has. */
const tenants = 45;

/** The only rule of the policy. */
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

/** The last two are refused: one for its scope; one for its resource, before anybody asks whose the domain is. */
const orders = [
  { resource: 'graph' },
  { resource: 'graph' },
  { resource: 'graph', scopes: ['Mail.Read'] },
  { resource: 'exchange' },
];

export interface AuditStage {
  readonly demo: Demo;
  /** Of a caller that may use the whole API. */
  readonly token: string;
  /** Who sent the orders. */
  readonly helpdesk: Demo['cloud']['brokerApplication']['callers'][number];
  /** For whom. */
  readonly customer: Demo['cloud']['tenants'][number];
  /** Everything on record, newest first: the orders, and before them what a run over all tenants left. */
  readonly records: AuditAnswer['entries'];
  stop(): Promise<void>;
}

/** A broker with an audit log of more than one page, and a run that was planned from a list with a warning. */
export async function startAuditStage(): Promise<AuditStage> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-audit-page-'));
  const policyPath = join(folder, 'access-policy.json');
  await writeFile(policyPath, JSON.stringify(policy));
  const hostSettings = async () => ({ ACCESS_POLICY: policyPath, TENANTS_EXCLUDE: 'typo.example' });
  const demo = await startQuietDemo(tenants, { hostSettings });
  const token = await demo.callerToken();
  const runId = await demo.api.startRun('access-check');
  while ((await demo.api.run(runId)).finishedAt === undefined) await new Promise((resolve) => setTimeout(resolve, 300));
  const helpdesk = demo.cloud.brokerApplication.callers.find(({ roles }) => roles.join() === 'Tokens.Request');
  if (helpdesk === undefined) throw new Error('the simulated cloud has no caller that may only ask for tokens');
  const customer = tenantOf(demo, 'ok');
  const helpdeskToken = await tokenOfCaller(demo, ['Tokens.Request']);
  for (const wanted of orders)
    await fetch(`${demo.url}/api/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${helpdeskToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tenant: customer.domain, ...wanted }),
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
