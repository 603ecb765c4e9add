import type { AuditAnswer } from '../../lib/api/answers/audit.ts';
import type { TenantHistoryAnswer } from '../../lib/api/answers/history.ts';
import type { JobsAnswer } from '../../lib/api/answers/jobs.ts';
import type { RunChangesAnswer } from '../../lib/api/answers/runs.ts';
import type { TenantDetailsAnswer } from '../../lib/api/answers/tenants.ts';
import type { ReportSource } from '../../lib/api/report/read-report.ts';
import { asObject } from '../../lib/core/objects.ts';
import { parseJson } from '../../lib/core/outbound.ts';
import { maxPageRows } from '../../lib/runs/store/run.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { runPath } from '../remote/follow-run.ts';

/** Reads a report from a running broker. */
export const brokerSource = (client: Pick<BrokerClient, 'get' | 'pages'>): ReportSource => ({
  tenant: async (tenant) => (await client.get(`/tenants/${encodeURIComponent(tenant)}`)) as TenantDetailsAnswer,
  jobs: async () => (await client.get('/jobs')) as JobsAnswer,
  tenantHistory: async (tenantId, job) =>
    (await client.get(`/tenants/${tenantId}/history`, { job })) as TenantHistoryAnswer,
  rowPages: async function* (runId, tenants) {
    const query = { format: 'jsonl', limit: String(maxPageRows), tenants };
    for await (const page of client.pages(`${runPath(runId)}/results`, query))
      yield page.split('\n').flatMap((line) => (line === '' ? [] : [asObject(parseJson(line))]));
  },
  audit: async (query) => (await client.get('/audit', query)) as AuditAnswer,
  changesSince: async (runId, other) => (await client.get(`${runPath(runId)}/changes`, other)) as RunChangesAnswer,
});
