import type { Services } from '../composition.ts';
import type { JobHistoryAnswer, TenantHistoryAnswer } from '../lib/api/answers/history.ts';
import { directoryFailures } from '../lib/api/route.ts';
import { jobHistoryQuerySchema, tenantHistoryQuerySchema } from '../lib/api/requests.ts';
import { findReadable, requestedBy } from '../lib/access/tenants/named-tenants.ts';
import { readableTenants } from '../lib/access/tenants/visible-tenants.ts';
import type { AskedTenants } from '../lib/access/tenants/selected-tenants.ts';
import type { Caller } from '../lib/core/caller.ts';
import type { TenantId } from '../lib/core/identifiers.ts';
import type { JobHistoryDeps, WantedTenants } from '../lib/runs/reading/job-history.ts';
import { withReadDeadline } from '../lib/runs/reading/visible-runs.ts';
import { once } from '../lib/core/single-flight.ts';
import { jobRegistry } from './job-registry.ts';
import { route } from './route.ts';

/** Loaded for the first reader, to keep start-up short. */
const loadReaders = once(() => import('../lib/runs/reading/job-history.ts'));

const noStore = { 'cache-control': 'no-store' };

route(
  {
    name: 'jobs-history',
    method: 'GET',
    path: '/jobs/{job}/history',
    access: 'Runs.Read',
    query: jobHistoryQuerySchema,
    failures: ['job_unknown', ...directoryFailures, 'storage_unavailable'],
    document: async () => (await import('./history-document.ts')).documentJobHistory(),
  },
  async (services, { caller, path: { job }, query }) => {
    const wanted = await wantedTenants(services, caller, query);
    const { readJobHistory } = await loadReaders();
    const jsonBody: JobHistoryAnswer = await reading(services, job, (deps) =>
      readJobHistory(deps, { job, ...periodOf(query) }, wanted),
    );
    return { status: 200, headers: noStore, jsonBody };
  },
);

route(
  {
    name: 'tenants-history',
    method: 'GET',
    path: '/tenants/{tenant}/history',
    access: 'Runs.Read',
    query: tenantHistoryQuerySchema,
    failures: ['tenant_unknown', 'job_unknown', ...directoryFailures, 'storage_unavailable'],
    document: async () => (await import('./history-document.ts')).documentTenantHistory(),
  },
  async (services, { caller, path, query }) => {
    const readable = await readableTenants(services, caller);
    const tenantId = await findReadable(services, { caller, readable }, path.tenant);
    const { readJobHistoryOfTenant } = await loadReaders();
    const { job } = query;
    const history = await reading(services, job, (deps) =>
      readJobHistoryOfTenant(deps, { job, ...periodOf(query) }, tenantId),
    );
    return { status: 200, headers: noStore, jsonBody: { tenantId, ...history } satisfies TenantHistoryAnswer };
  },
);

interface Asked {
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly value?: string | undefined;
}

const periodOf = ({ since, until, value }: Asked) => ({ sinceMs: since, untilMs: until, value });

/** The tenants whose numbers the caller may read and asks for. Undefined: all. */
async function wantedTenants(
  services: Services,
  caller: Caller,
  asked: AskedTenants,
): Promise<WantedTenants | undefined> {
  const readable = await readableTenants(services, caller);
  const chosen = await requestedBy(services, { caller, readable }, asked);
  if (readable === '*') return chosen && { isWanted: chosen.isChosen, among: chosen.among };
  const isWanted = (tenantId: TenantId): boolean => readable.has(tenantId) && chosen?.isChosen(tenantId) !== false;
  return { isWanted, among: new Set([...readable].filter(isWanted)) };
}

const reading = <T>({ clock, runs }: Services, job: string, read: (deps: JobHistoryDeps) => Promise<T>): Promise<T> =>
  withReadDeadline(clock, (signal) =>
    read({ history: runs.history, job: jobRegistry.find(job), nowMs: clock.nowMs(), signal }),
  );
