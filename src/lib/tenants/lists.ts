import type { ResourceRegistry } from '../broker/resources.ts';
import type { TokenSource } from '../broker/token.ts';
import { BrokerError, toBrokerError } from '../errors.ts';
import { createGraphClient } from '../graph/client.ts';
import type { Binding, ExchangeDeps } from '../graph/exchange.ts';
import { createPartnerCenterClient } from '../graph/partner-center.ts';
import type { JsonObject } from '../graph/reply.ts';
import type { CloudEndpoints } from '../entra/clouds.ts';
import type { TenantId } from '../identifiers.ts';
import { errorFields, type Logger } from '../log.ts';
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

/**
 * Reads the three lists as the partner's service account. The relationships decide who can be reached, so they must
 * be had; the other two add names, domains and customers without GDAP, and a failure of one is a warning.
 * @throws BrokerError directory_unavailable when Graph fails or answers with an empty list; a failure of the
 * credential as it is.
 */
export async function readTenantLists(
  deps: ListsDeps,
  signal?: AbortSignal,
): Promise<{ lists: TenantLists; warnings: string[] }> {
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
  const warnings: string[] = [];
  const optional = async (name: string, items: AsyncIterable<JsonObject>): Promise<JsonObject[]> => {
    try {
      return await all(items);
    } catch (thrown) {
      signal?.throwIfAborted();
      const error = toBrokerError(thrown);
      if (error.scope === 'credential') throw error;
      deps.log.log('warn', 'tenants.list_failed', { list: name, ...errorFields(thrown) });
      warnings.push(
        `${name} could not be read (${error.code}): ${error.detail} Customers that only it knows are missing.`,
      );
      return [];
    }
  };
  const [relationships, contracts, customers] = await Promise.all([
    readRelationships(graph.list(relationshipsPath)),
    optional(
      'The list of contracts',
      graph.list('/contracts?$select=customerId,defaultDomainName,displayName,contractType'),
    ),
    optional('The list of Partner Center customers', partnerCenter.customers()),
  ]);
  return { lists: { relationships, contracts, customers }, warnings };
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
