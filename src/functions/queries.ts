import type { CheckedQueryAnswer } from '../lib/api/answers/runs.ts';
import { directoryFailures } from '../lib/api/route.ts';
import { scrub } from '../lib/core/log.ts';
import { once } from '../lib/core/single-flight.ts';
import type { CheckedQuery } from '../lib/gateway/queries/start-query.ts';
import { runDeps } from './orchestrations.ts';
import { maxStartRunBytes, querySchema } from '../lib/api/requests.ts';
import { rotateIfOverdue } from './rotation.ts';
import { route } from './route.ts';
import { startedRunAnswer } from './started-run.ts';

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
    failures: ['tenant_unknown', ...directoryFailures, 'entra_unavailable', 'busy', 'storage_unavailable'],
    document: async () => (await import('./queries-document.ts')).documentQueries(),
  },
  async (services, { request: { headers }, body, caller, correlationId, orchestrations }) => {
    rotateIfOverdue(services);
    const { checkQuery, startQuery } = await loadQueries();
    if (body.check === true) return { status: 200, jsonBody: viewCheck(await checkQuery(services, caller, body)) };
    const asking = { caller, client: clientOf(headers), correlationId };
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
