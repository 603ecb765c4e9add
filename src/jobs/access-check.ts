import * as z from 'zod';
import { adviceFor, errorTable, toBrokerError } from '../lib/core/errors.ts';
import { defineJob, type JobContext } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';

/**
 * Reports which resources can be reached in each tenant, and why others cannot. The job calls Graph first: if that
 * fails, the tenant fails with Graph's reason and no other resource is checked.
 */
export default defineJob({
  name: 'access-check',
  title: 'Access to each tenant',
  description: 'Which resources the partner can reach in each tenant, and the next step for the others.',
  topic: 'service',
  schedule: '0 30 4 * * *',
  resources: ['graph', 'exchange', 'arm', 'aad-graph'],
  permissions: ['User.Read.All', 'Exchange.Manage', 'user_impersonation (Azure Service Management)'],
  directoryRoles: ['Directory Readers', 'Global Reader', 'User Administrator'],
  timeoutSeconds: 120,
  parameters: z.object({
    // `aad-graph` is retired and only checked on request.
    resources: z
      .array(z.enum(['exchange', 'arm', 'aad-graph']))
      .default(['exchange', 'arm'])
      .meta({
        title: 'Resources',
        description: 'What to check besides Microsoft Graph, which is always checked.',
      }),
  }),
  columns: [
    { name: 'resource', title: 'Resource', type: 'text' },
    { name: 'reachable', title: 'Reachable', type: 'boolean' },
    { name: 'code', title: 'Code', type: 'text' },
    { name: 'title', title: 'Reason', type: 'text' },
    { name: 'advice', title: 'Advice', type: 'text' },
  ],
  key: ['resource'],
  historyBy: 'resource',
  async run(context) {
    await context.graph.get('/organization?$select=id,displayName');
    const rows: Row[] = [reachable('graph')];
    for (const resource of context.parameters.resources) rows.push(await check(context, resource));
    return rows;
  },
});

async function check(context: Pick<JobContext, 'token'>, resource: string): Promise<Row> {
  try {
    await context.token(resource);
    return reachable(resource);
  } catch (thrown) {
    const error = toBrokerError(thrown);
    // These failures say nothing about the tenant: the run stops or retries.
    if (error.scope === 'credential' || error.transient || error.code === 'job_failed') throw thrown;
    const { title } = errorTable[error.code];
    return { resource, reachable: false, code: error.code, title, advice: adviceFor(error.code, 'operator') };
  }
}

const reachable = (resource: string): Row => ({ resource, reachable: true, code: null, title: null, advice: null });
