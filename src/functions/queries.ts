import type { CheckedQueryAnswer } from '../lib/api/answers/runs.ts';
import { directoryFailures } from '../lib/api/route.ts';
import { maxStartRunBytes, querySchema } from '../lib/api/requests.ts';
import { rotateIfOverdue } from './rotation.ts';
import { route } from './route.ts';
import { type CheckedQuery, checkQuery, clientOf, startQuery } from './start-query.ts';
import { startedRunAnswer } from './started-run.ts';

/** Asks Microsoft Graph the same in many tenants, under the rules of the caller. */
route(
  {
    name: 'queries-start',
    method: 'POST',
    path: '/queries',
    access: 'Requests.Send',
    body: querySchema,
    maxBodyBytes: maxStartRunBytes,
    durable: true,
    failures: ['tenant_unknown', ...directoryFailures, 'entra_unavailable', 'busy', 'storage_unavailable'],
    document: async () => (await import('./queries-document.ts')).documentQueries(),
  },
  async (services, { request: { headers }, body, caller, correlationId, orchestrations }) => {
    rotateIfOverdue(services);
    if (body.check === true) return { status: 200, jsonBody: viewCheck(await checkQuery(services, caller, body)) };
    const asking = { caller, client: clientOf(headers), correlationId };
    return startedRunAnswer(await startQuery(services, orchestrations, asking, body));
  },
);

const viewCheck = ({ query, opened, chosen, open }: CheckedQuery): CheckedQueryAnswer => ({
  path: query.path,
  request: opened.request,
  anyOf: opened.anyOf,
  rules: opened.rules.map(({ name, permissions }) => ({ rule: name, permissions })),
  tenants: { chosen, open },
});
