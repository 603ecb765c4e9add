import type { CheckedQueryAnswer } from '../lib/api/answers/runs.ts';
import { exampleDomain } from '../lib/api/examples.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { scrub } from '../lib/core/log.ts';
import { once } from '../lib/core/single-flight.ts';
import type { CheckedQuery } from '../lib/gateway/queries/start-query.ts';
import { runDeps } from './orchestrations.ts';
import { maxStartRunBytes, querySchema } from '../lib/api/requests.ts';
import { rotateIfOverdue } from './rotation.ts';
import { route } from './route.ts';
import { documentStartedRun, idempotencyKeyHeader, ownWindow, startedRunAnswer } from './started-run.ts';

/** Loaded at the first query, to keep start-up short. */
export const loadQueries = once(() => import('../lib/gateway/queries/start-query.ts'));

/** The first characters of `User-Agent`, which names a program, for example `ptb/1.0`. */
export const clientOf = (headers: { get(name: string): string | null }): string | undefined =>
  scrub((headers.get('user-agent') ?? '').replaceAll(/[^\x20-\x7e]/g, '')).slice(0, 120) || undefined;

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
    failures: [
      'tenant_unknown',
      ...directoryFailures,
      'entra_unavailable',
      'busy',
      'run_conflict',
      'idempotency_key_reused',
      'storage_unavailable',
    ],
    document,
  },
  async (services, { request: { headers }, body, caller, correlationId, orchestrations }) => {
    rotateIfOverdue(services);
    const { checkQuery, startQuery } = await loadQueries();
    if (body.check === true) return { status: 200, jsonBody: viewCheck(await checkQuery(services, caller, body)) };
    const own = ownWindow(headers, caller, services.newId, body);
    const asking = { caller, client: clientOf(headers), correlationId, ...own };
    return startedRunAnswer(await startQuery(runDeps(services, orchestrations), asking, body));
  },
);

const viewCheck = ({ query, opened, chosen, open }: CheckedQuery): CheckedQueryAnswer => ({
  path: query.path,
  request: opened.request,
  anyOf: opened.anyOf,
  rules: opened.rules.map(({ name, permissions }) => ({ rule: name, permissions })),
  tenants: { chosen, open },
});

async function document(): Promise<RouteDocument> {
  const { checkedQuerySchema } = await import('../lib/api/answers/runs.ts');
  const checked: CheckedQueryAnswer = {
    path: '/v1.0/users?$select=displayName,accountEnabled',
    request: 'GET /v1.0/users',
    anyOf: ['User.Read.All', 'User.ReadWrite.All', 'Directory.Read.All'],
    rules: [{ rule: 'helpdesk reads users', permissions: ['User.Read.All'] }],
    tenants: { chosen: 25, open: 25 },
  };
  return {
    group: 'Gateway',
    summary: 'Query many tenants',
    description:
      'Sends one GET to Microsoft Graph in each of the tenants, as a run. The gateway judges and sends each request under the rules for this caller that are in force at that moment, and records it; a tenant that no rule opens gets a refusal. A query that no rule opens in any tenant is refused at once. Rules with an approval, and those for emergencies, serve no query. Read the rows with `GET /runs/{runId}/results?order=arrival`. Whoever asked reads and cancels the run with the role `Requests.Send`; others need the roles for runs, and see no rows. A caller has at most four active queries. A row has the columns of its tenant, then the properties of the object: nested values stay nested, and a property with the name of one of these columns gets `graph.` before it.',
    requestHeaders: idempotencyKeyHeader,
    bodyExample: {
      path: '/v1.0/users',
      select: ['displayName', 'accountEnabled'],
      tenants: [exampleDomain, 'tag:managed'],
    },
    answers: [
      await documentStartedRun('query@manual-8d9f7a54-0d0c-4c5e-9a51-9f3a2f6a2b7e'),
      {
        status: 200,
        description: 'With `check`: the query may start. Nothing was started.',
        contents: [jsonContent(checkedQuerySchema, checked)],
      },
    ],
  };
}
