import {
  selectionFor,
  type NamedTenantsDeps,
  tenantsAmong,
  type TenantsToVisit,
} from '../../access/tenants/named-tenants.ts';
import { type RequestedTenants, knowTenants, tenantsOfSelections } from '../../access/tenants/selected-tenants.ts';
import { selects } from '../../access/tenants/tenant-set.ts';
import { visibleTenants, type VisibleTenants } from '../../access/tenants/visible-tenants.ts';
import { actorOf, type Caller, callerIdOf } from '../../core/caller.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { startRun, type StartRunDeps } from '../../runs/engine/start-run.ts';
import { queryJob, type RunId, runIdOf, type RunRequest } from '../../runs/store/run.ts';
import type { Runs } from '../../runs/store/runs.ts';
import type { Gateway } from '../gateway.ts';
import { type OpenedQuery, openQuery, type Query, type QueryText, readQuery, storedQuery } from './query.ts';

/** What it takes to check a query. */
interface QueryDeps extends NamedTenantsDeps {
  readonly gateway: Gateway;
}

/** What it takes to start one. */
type StartQueryDeps = QueryDeps & StartRunDeps & { readonly runs: Pick<Runs, 'querySlots'> };

/** Who asks, and what the program calls itself. */
export interface QueryRequester {
  readonly caller: Caller;
  readonly client: string | undefined;
  /** Of the request. */
  readonly correlationId: string;
  /** Of the run. */
  readonly window: string;
  /** Of a request that is safe to repeat, see `startRun`. */
  readonly requestDigest?: string;
}

/** A query over some tenants, as a caller sends it. */
export type QueryRequest = QueryText & RequestedTenants;

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

/**
 * Checks a query: what it sends, under which rules, and where. The tenants that the caller may name are those that it may
 * read, and those of its rules for the gateway. The answer tells nothing about others.
 * @throws BrokerError request_invalid, caller_forbidden if no rule opens the request in any chosen tenant, or as
 * `readQuery`, `openQuery` and `tenantsToVisit` do.
 */
export async function checkQuery(deps: QueryDeps, caller: Caller, requested: QueryRequest): Promise<CheckedQuery> {
  const query = readQuery(requested);
  const opened = await openQuery(deps.gateway, caller, query);
  const visible = await namable(deps, caller, opened);
  const limit = 'that it may read, or that a rule for the gateway covers';
  const { tenants, except } = requested;
  const limits = await tenantsAmong(deps, { caller, visible, limit }, { tenants, except });
  const chosen = await customersOf(deps, caller, limits);
  const inForce = await tenantsOfSelections(
    deps,
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
  deps: StartQueryDeps,
  { caller, client, correlationId, window, requestDigest }: QueryRequester,
  requested: QueryRequest,
): Promise<RunId> {
  const query = readQuery(requested);
  return startRun(deps, {
    job: queryJob,
    window,
    requestDigest,
    startedBy: caller.applicationId,
    // A query is its asker's own, so both are always known.
    starter: actorOf(caller),
    correlationId,
    limits: async () => {
      const { limits } = await checkQuery(deps, caller, requested);
      await deps.runs.querySlots.take(caller, runIdOf(queryJob, window));
      return limits;
    },
    parameters: { ...query },
    query: { path: query.path, asker: { ...caller, correlationId, ...(client && { client }) } },
  });
}

/**
 * Asks a query again where it failed, for the caller that wants that now.
 * @throws BrokerError as {@link startQuery} does.
 */
export async function repeatQuery(
  deps: StartQueryDeps,
  requester: QueryRequester,
  { tenants, choice = {}, parameters }: RunRequest,
): Promise<RunId> {
  if (!requester.caller.roles.includes('Requests.Send')) {
    throw new BrokerError('caller_forbidden', 'Asking a query again takes the app role Requests.Send.', {
      lacks: 'role',
    });
  }
  return startQuery(deps, requester, { ...storedQuery(parameters), ...choice, ...(tenants && { tenants }) });
}

/** The tenants that the caller may name. */
async function namable(deps: QueryDeps, caller: Caller, opened: OpenedQuery): Promise<VisibleTenants> {
  const reads = caller.roles.includes('Tenants.Read') || caller.roles.includes('Runs.Read');
  const visible = reads ? await visibleTenants(deps, caller) : new Set<TenantId>();
  if (visible === '*') return visible;
  return new Set([...visible, ...(await tenantsOfSelections(deps, opened.covered))]);
}

/** The customers that the run will visit, as far as it is known now. */
async function customersOf(
  deps: QueryDeps,
  caller: Caller,
  { tenants, choice }: TenantsToVisit,
): Promise<readonly TenantId[]> {
  const customers = (await deps.directory.list()).map(({ tenantId }) => tenantId);
  const named = tenants && new Set(tenants);
  const within = named === undefined ? customers : customers.filter((tenantId) => named.has(tenantId));
  if (choice === undefined) return within;
  const selected = await selectionFor(deps, '*', choice);
  const known = await knowTenants(deps, [selected], callerIdOf(caller));
  return within.filter((tenantId) => selects(selected, known.factsOf(tenantId)));
}
