import type { Services } from '../composition.ts';
import { readableTenants, type ReadableTenants } from '../lib/access/tenants/visible-tenants.ts';
import { type AskedTenants, knowTenants, tenantsOfChoices } from '../lib/access/tenants/selected-tenants.ts';
import { chooses } from '../lib/access/tenants/tenant-set.ts';
import { actorOf, type Caller, callerIdOf } from '../lib/core/caller.ts';
import { BrokerError } from '../lib/core/errors.ts';
import type { TenantId } from '../lib/core/identifiers.ts';
import { once } from '../lib/core/single-flight.ts';
import type { Orchestrations } from '../lib/core/orchestrations.ts';
import { scrub } from '../lib/core/log.ts';
import type { OpenedQuery, Query, QueryText } from '../lib/gateway/queries/query.ts';
import { manualWindow, queryJob, type RunId, runIdOf, type RunRequest } from '../lib/runs/store/run.ts';
import { startRun } from '../lib/runs/engine/start-run.ts';
import { runDeps } from './orchestrations.ts';
import { chosenBy } from './tenant-choice.ts';
import { tenantsAmong, type TenantsToVisit } from './tenants-to-visit.ts';

/** Who asks, and what the program calls itself. */
export interface Asking {
  readonly caller: Caller;
  readonly client: string | undefined;
  /** Of the request. */
  readonly correlationId: string;
}

/** A query over some tenants, as a caller sends it. */
export type QueryRequest = QueryText & AskedTenants;

/** A query that may start. */
export interface CheckedQuery {
  readonly query: Query;
  readonly opened: OpenedQuery;
  readonly limits: TenantsToVisit;
  /** Customers that are asked. */
  readonly chosen: number;
  /** Those of them in which a rule opens the request now. The others get a refusal each. */
  readonly open: number;
}

/** Loaded at the first query, to keep start-up short. */
const loadQueries = once(async () => ({
  ...(await import('../lib/gateway/queries/query.ts')),
  ...(await import('../lib/gateway/queries/query.ts')),
}));

/** The first characters of `User-Agent`, which names a program, for example `ptb/1.0`. */
export const clientOf = (headers: { get(name: string): string | null }): string | undefined =>
  scrub((headers.get('user-agent') ?? '').replaceAll(/[^\x20-\x7e]/g, '')).slice(0, 120) || undefined;

/**
 * Checks a query: what it sends, under which rules, and where. The tenants that the caller may name are those that it may
 * read, and those of its rules for the gateway. The answer tells nothing about others.
 * @throws BrokerError request_invalid, caller_forbidden if no rule opens the request in any chosen tenant, or as
 * `readQuery`, `openQuery` and `tenantsToVisit` do.
 */
export async function checkQuery(services: Services, caller: Caller, asked: QueryRequest): Promise<CheckedQuery> {
  const { readQuery, openQuery } = await loadQueries();
  const query = readQuery(asked);
  const opened = await openQuery(services.gateway, caller, query);
  const readable = await namable(services, caller, opened);
  const limit = 'that it may read, or that a rule for the gateway covers';
  const { tenants, except } = asked;
  const limits = await tenantsAmong(services, { caller, readable, limit }, { tenants, except });
  const chosen = await customersOf(services, caller, limits);
  const inForce = await tenantsOfChoices(
    services,
    opened.rules.map((rule) => rule.tenants),
  );
  const open = chosen.filter((tenantId) => inForce.has(tenantId)).length;
  if (open > 0) return { query, opened, limits, chosen: chosen.length, open };
  const names = opened.rules.map(({ name }) => `"${name}"`).join(', ');
  throw new BrokerError(
    'caller_forbidden',
    `The request is opened by ${names}, and no chosen tenant is one of ${opened.rules.length === 1 ? 'this rule' : 'these rules'}.`,
  );
}

/** @throws BrokerError busy for too many active queries of the caller; as {@link checkQuery} and `startRun` do. */
export async function startQuery(
  services: Services,
  orchestrations: Orchestrations,
  { caller, client, correlationId }: Asking,
  asked: QueryRequest,
): Promise<RunId> {
  const { query, limits } = await checkQuery(services, caller, asked);
  const window = manualWindow(services.newId());
  await services.runs.querySlots.take(caller, runIdOf(queryJob, window));
  const { applicationId, objectId, kind, roles, tenantId, name } = caller;
  const asker = { applicationId, objectId, kind, roles, tenantId, name, correlationId, ...(client && { client }) };
  return startRun(runDeps(services, orchestrations), {
    job: queryJob,
    window,
    startedBy: applicationId,
    // A query is its asker's own, so both are always known.
    starter: actorOf(caller),
    correlationId,
    ...limits,
    parameters: { ...query },
    query: { path: query.path, asker },
  });
}

/**
 * Asks a query again where it failed, for the caller that wants that now.
 * @throws BrokerError as {@link startQuery} does.
 */
export async function repeatQuery(
  services: Services,
  orchestrations: Orchestrations,
  asking: Asking,
  { tenants, choice = {}, parameters }: RunRequest,
): Promise<RunId> {
  if (!asking.caller.roles.includes('Requests.Send')) {
    throw new BrokerError('caller_forbidden', 'Asking a query again takes the app role Requests.Send.');
  }
  const { path, allPages } = parameters;
  const query = { path: typeof path === 'string' ? path : '', allPages: allPages === true };
  return startQuery(services, orchestrations, asking, { ...query, ...choice, ...(tenants && { tenants }) });
}

/** The tenants that the caller may name. */
async function namable(services: Services, caller: Caller, opened: OpenedQuery): Promise<ReadableTenants> {
  const reads = caller.roles.includes('Tenants.Read') || caller.roles.includes('Runs.Read');
  const readable = reads ? await readableTenants(services, caller) : new Set<TenantId>();
  if (readable === '*') return readable;
  return new Set([...readable, ...(await tenantsOfChoices(services, opened.covered))]);
}

/** The customers that the run will visit, as far as it is known now. */
async function customersOf(
  services: Services,
  caller: Caller,
  { tenants, choice }: TenantsToVisit,
): Promise<readonly TenantId[]> {
  const customers = (await services.directory.list()).map(({ tenantId }) => tenantId);
  const named = tenants && new Set(tenants);
  const within = named === undefined ? customers : customers.filter((tenantId) => named.has(tenantId));
  if (choice === undefined) return within;
  const chosen = await chosenBy(services, '*', choice);
  const known = await knowTenants(services, [chosen], callerIdOf(caller));
  return within.filter((tenantId) => chooses(chosen, known.factsOf(tenantId)));
}
