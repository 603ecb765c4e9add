import type { ResourceRegistry } from '../model/resources.ts';
import type { TokenSource } from '../model/token.ts';
import { isoTime } from '../runtime/clock.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import { createGraphClient } from '../graph/client.ts';
import type { Binding, ExchangeDeps } from '../graph/exchange.ts';
import { createPartnerCenterClient } from '../graph/partner-center.ts';
import type { JsonObject } from '../graph/reply.ts';
import type { CloudEndpoints } from '../model/clouds.ts';
import type { TenantId } from '../model/identifiers.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import type { TenantLists } from './union.ts';

export interface ListsDeps extends ExchangeDeps {
  readonly tokens: TokenSource;
  readonly resources: ResourceRegistry;
  readonly endpoints: Pick<CloudEndpoints, 'graph' | 'partnerCenter'>;
  readonly partnerTenantId: TenantId;
  readonly newId: () => string;
  readonly log: Logger;
}

/** Graph takes 300 relationships a page at most. */
const relationshipsPath =
  '/tenantRelationships/delegatedAdminRelationships?$top=300&$select=id,displayName,customer,status,endDateTime,autoExtendDuration';

/** How long an old list is better than none, when Microsoft does not answer. */
export const usableMs = 24 * 3_600_000;

/** The last good answer for each list that can be done without for a while, by name. */
export type ListCopies = Map<string, { readonly items: readonly JsonObject[]; readonly asOfMs: number }>;

export interface ReadLists {
  readonly lists: TenantLists;
  readonly warnings: readonly string[];
  /** `old`: a list is a copy from before. `incomplete`: one failed for a while, and there is no copy of it. */
  readonly state: 'fresh' | 'old' | 'incomplete';
}

/**
 * Reads the three lists as the partner's service account. The relationships decide who can be reached, so they must
 * be had; the other two add names, domains and customers without GDAP. Where one of those is refused, that is a
 * warning; where it fails for a while, its last good copy serves on: customers that only it knows must not vanish.
 * @param copies where the last good copies are kept from one call to the next.
 * @throws BrokerError directory_unavailable when Graph fails or answers with an empty list; a failure of the
 * credential as it is.
 */
export async function readTenantLists(deps: ListsDeps, copies: ListCopies, signal?: AbortSignal): Promise<ReadLists> {
  const bind = (alias: 'graph' | 'partner-center', baseUrl: string): Omit<Binding, 'peer'> => {
    const correlationId = deps.newId();
    const resource = deps.resources.get(alias);
    const wanted = {
      tenantId: deps.partnerTenantId,
      resource,
      grant: 'delegated',
      application: 'default',
      minimumLifetimeSeconds: 300,
      correlationId,
    } as const;
    return { baseUrl, correlationId, signal, token: async () => (await deps.tokens.getToken(wanted, signal)).secret };
  };
  const graph = createGraphClient(deps, bind('graph', deps.endpoints.graph));
  const partnerCenter = createPartnerCenterClient(deps, bind('partner-center', deps.endpoints.partnerCenter));
  const optional = (name: string, items: AsyncIterable<JsonObject>) => readOptional(deps, copies, name, items, signal);
  const [relationships, contracts, customers] = await Promise.all([
    readRelationships(graph.list(relationshipsPath)),
    optional(
      'The list of contracts',
      graph.list('/contracts?$select=customerId,defaultDomainName,displayName,contractType'),
    ),
    optional('The list of Partner Center customers', partnerCenter.customers()),
  ]);
  const states = [contracts.state, customers.state];
  return {
    lists: { relationships, contracts: contracts.items, customers: customers.items },
    warnings: [contracts, customers].flatMap(({ warning }) => warning ?? []),
    state: states.includes('incomplete') ? 'incomplete' : states.includes('old') ? 'old' : 'fresh',
  };
}

interface OptionalList {
  readonly items: readonly JsonObject[];
  readonly state: ReadLists['state'];
  readonly warning?: string;
}

async function readOptional(
  deps: ListsDeps,
  copies: ListCopies,
  name: string,
  listing: AsyncIterable<JsonObject>,
  signal: AbortSignal | undefined,
): Promise<OptionalList> {
  try {
    const items = await all(listing);
    copies.set(name, { items, asOfMs: deps.clock.nowMs() });
    return { items, state: 'fresh' };
  } catch (thrown) {
    signal?.throwIfAborted();
    const error = toBrokerError(thrown);
    if (error.scope === 'credential') throw error;
    deps.log.log('warn', 'tenants.list_failed', { list: name, ...errorFields(thrown) });
    const failure = `${name} could not be read (${error.code}): ${error.detail}`;
    const missing: OptionalList = {
      items: [],
      state: error.transient ? 'incomplete' : 'fresh',
      warning: `${failure} Customers that only it knows are missing.`,
    };
    const copy = error.transient ? copies.get(name) : undefined;
    if (copy === undefined || deps.clock.nowMs() - copy.asOfMs > usableMs) return missing;
    const warning = `${failure} Its copy from ${isoTime(copy.asOfMs)} is used.`;
    return { items: copy.items, state: 'old', warning };
  }
}

async function readRelationships(items: AsyncIterable<JsonObject>): Promise<JsonObject[]> {
  let relationships: JsonObject[];
  try {
    relationships = await all(items);
  } catch (thrown) {
    const error = toBrokerError(thrown);
    if (error.scope === 'credential' || error.code === 'internal') throw error;
    throw new BrokerError(
      'directory_unavailable',
      `The delegated relationships cannot be read (${error.code}): ${error.detail}`,
      {
        cause: thrown,
        retryAfterSeconds: error.retryAfterSeconds,
        logFields: error.logFields,
      },
    );
  }
  // Graph answers 200 with an empty list to whoever is not in AdminAgents (microsoft-graph-docs issue 8921).
  if (relationships.length > 0) return relationships;
  throw new BrokerError(
    'directory_unavailable',
    'Microsoft Graph lists no delegated relationship at all, which is its answer to an account outside the group AdminAgents.',
  );
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
