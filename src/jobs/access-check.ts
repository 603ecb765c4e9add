import { errorTable, toBrokerError } from '../lib/model/errors.ts';
import { defineJob, type JobContext } from '../lib/runs/job.ts';
import type { Row } from '../lib/runs/row.ts';

/** Beside Graph; `aad-graph` is retired and asked for only by parameter. */
const standardResources = ['exchange', 'arm'];

/**
 * Which resources can be reached in each tenant, and why not. Graph comes first and is really called: a tenant in
 * which it cannot be reached fails with Graph's reason, and nothing else is asked of it.
 */
export default defineJob({
  name: 'access-check',
  title: 'Access to each tenant',
  description:
    'Which resources the partner can reach in each tenant, and what to do about those it cannot. Parameter resources: a list of aliases to check beside Graph.',
  schedule: '0 30 4 * * *',
  resources: ['graph', 'exchange', 'arm', 'aad-graph'],
  permissions: ['User.Read.All', 'Exchange.Manage', 'user_impersonation (Azure Service Management)'],
  timeoutSeconds: 120,
  columns: [
    { name: 'resource', title: 'Resource', type: 'text' },
    { name: 'reachable', title: 'Reachable', type: 'boolean' },
    { name: 'code', title: 'Code', type: 'text' },
    { name: 'title', title: 'Reason', type: 'text' },
    { name: 'advice', title: 'Advice', type: 'text' },
  ],
  key: ['resource'],
  async run(context) {
    await context.graph.get('/organization?$select=id,displayName');
    const rows: Row[] = [reachable('graph')];
    for (const resource of wanted(context.parameters)) rows.push(await check(context, resource));
    return rows;
  },
});

function wanted(parameters: JobContext['parameters']): readonly string[] {
  const given = parameters['resources'];
  if (!Array.isArray(given)) return standardResources;
  return given.filter((alias) => typeof alias === 'string' && alias !== 'graph');
}

async function check(context: JobContext, resource: string): Promise<Row> {
  try {
    await context.token(resource);
    return reachable(resource);
  } catch (thrown) {
    const error = toBrokerError(thrown);
    // Not an answer about this tenant: the run stops, or comes back later.
    if (error.scope === 'credential' || error.transient || error.code === 'job_failed') throw thrown;
    const { title, advice } = errorTable[error.code];
    return { resource, reachable: false, code: error.code, title, advice };
  }
}

const reachable = (resource: string): Row => ({ resource, reachable: true, code: null, title: null, advice: null });
