import { dayMs } from '../core/durations.ts';
import type { ResourceRegistry } from '../core/resources.ts';
import type { TokenSource } from '../core/token.ts';
import { isoTime } from '../core/clock.ts';
import { type Kept, KeptCopy } from '../core/kept-copy.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import { createGraphClient } from '../microsoft/client.ts';
import type { Binding, ExchangeDeps } from '../microsoft/exchange.ts';
import { createPartnerCenterClient } from '../microsoft/partner-center.ts';
import type { JsonObject } from '../microsoft/reply.ts';
import type { CloudEndpoints } from '../core/clouds.ts';
import type { TenantId } from '../core/identifiers.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { TenantSource } from './tenant.ts';
import type { TenantLists } from './union.ts';

export interface ListsDeps extends ExchangeDeps {
  readonly tokens: TokenSource;
  readonly resources: ResourceRegistry;
  readonly endpoints: Pick<CloudEndpoints, 'graph' | 'partnerCenter'>;
  readonly partnerTenantId: TenantId;
  readonly newId: () => string;
  readonly log: Logger;
}

/** Graph returns at most 300 relationships per page. */
const relationshipsPath =
  '/tenantRelationships/delegatedAdminRelationships?$top=300&$select=id,displayName,customer,status,endDateTime,autoExtendDuration';
/** Without `$top`, Graph returns 100 contracts per page, one after another. */
const contractsPath = '/contracts?$top=999&$select=customerId,defaultDomainName,displayName,contractType';

/** Maximum age of a list that is used while Microsoft does not answer. */
export const usableMs = dayMs;

interface ReadLists {
  readonly lists: TenantLists;
  readonly warnings: readonly string[];
  /** `old`: a list is an earlier copy. `incomplete`: a list failed temporarily and has no usable copy. */
  readonly state: 'fresh' | 'old' | 'incomplete';
  /** Lists to which access is refused. They may contain customers that no other list contains. */
  readonly refused: readonly TenantSource[];
}

/** Reads the three lists of customers as the partner's service account. */
export interface TenantListReader {
  /**
   * Reads all three lists. The relationships are required, because they decide which tenants are reachable. The other two
   * add names, domains and customers without GDAP. If access to one of these is refused, that is a warning. If one fails
   * temporarily, its last good copy is used, so that customers that appear only there do not disappear.
   * @throws BrokerError directory_unavailable if the relationships cannot be read or are empty. A failure of the
   * credential is thrown unchanged.
   */
  read(signal?: AbortSignal): Promise<ReadLists>;
}

type Items = readonly JsonObject[];

export function createTenantListReader(deps: ListsDeps): TenantListReader {
  const copyOf = (): KeptCopy<Items> =>
    new KeptCopy(deps, {
      freshMs: () => 0,
      usableMs,
      pauseMs: () => 0,
      outlives: (failure) => toBrokerError(failure).transient && toBrokerError(failure).scope !== 'credential',
    });
  const contractCopy = copyOf();
  const customerCopy = copyOf();
  return {
    read: async (signal) => {
      const graph = createGraphClient(deps, bind(deps, 'graph', signal));
      const partnerCenter = createPartnerCenterClient(deps, bind(deps, 'partner-center', signal));
      const [relationships, contracts, customers] = await Promise.all([
        readRelationships(graph.list(relationshipsPath)),
        readOptional(deps, {
          name: 'The list of contracts',
          source: 'contracts',
          copy: contractCopy,
          load: () => all(graph.list(contractsPath)),
          signal,
        }),
        readOptional(deps, {
          name: 'The list of Partner Center customers',
          source: 'partner-center',
          copy: customerCopy,
          load: () => all(partnerCenter.customers()),
          signal,
        }),
      ]);
      const states = [contracts.state, customers.state];
      return {
        lists: { relationships, contracts: contracts.items, customers: customers.items },
        warnings: [contracts, customers].flatMap(({ warning }) => warning ?? []),
        state: states.includes('incomplete') ? 'incomplete' : states.includes('old') ? 'old' : 'fresh',
        refused: [contracts, customers].flatMap(({ refused }) => refused ?? []),
      };
    },
  };
}

/** Access to one of the two APIs as the partner's service account. */
function bind(deps: ListsDeps, alias: 'graph' | 'partner-center', signal?: AbortSignal): Omit<Binding, 'peer'> {
  const correlationId = deps.newId();
  const wanted = {
    tenantId: deps.partnerTenantId,
    resource: deps.resources.get(alias),
    grant: 'delegated',
    application: 'default',
    minimumLifetimeSeconds: 300,
    correlationId,
  } as const;
  return {
    baseUrl: alias === 'graph' ? deps.endpoints.graph : deps.endpoints.partnerCenter,
    correlationId,
    signal,
    token: async () => (await deps.tokens.getToken(wanted, signal)).secret,
  };
}

interface OptionalSource {
  readonly name: string;
  readonly source: TenantSource;
  readonly copy: KeptCopy<Items>;
  readonly load: () => Promise<Items>;
  readonly signal: AbortSignal | undefined;
}

interface OptionalList {
  readonly items: Items;
  readonly state: ReadLists['state'];
  readonly warning?: string;
  readonly refused?: TenantSource;
}

async function readOptional(
  deps: Pick<ListsDeps, 'log'>,
  { name, source, copy, load, signal }: OptionalSource,
): Promise<OptionalList> {
  let failure: unknown;
  let kept: Kept<Items> | undefined;
  try {
    kept = await copy.get(load, { signal });
    if (kept.failure === undefined) return { items: kept.value, state: 'fresh' };
    failure = kept.failure;
  } catch (thrown) {
    signal?.throwIfAborted();
    failure = thrown;
  }
  const error = toBrokerError(failure);
  if (error.scope === 'credential') throw error;
  deps.log.log('warn', 'tenants.list_failed', { list: name, ...errorFields(failure) });
  const problem = `${name} could not be read (${error.code}): ${error.detail}`;
  if (kept !== undefined)
    return { items: kept.value, state: 'old', warning: `${problem} The copy from ${isoTime(kept.asOfMs)} is used.` };
  return {
    items: [],
    state: error.transient ? 'incomplete' : 'fresh',
    warning: `${problem} Customers that appear only in this list are missing.`,
    refused: source,
  };
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
  // Graph answers 200 with an empty list to accounts outside AdminAgents (microsoft-graph-docs issue 8921).
  if (relationships.length > 0) return relationships;
  throw new BrokerError(
    'directory_unavailable',
    'Microsoft Graph returned an empty list of delegated relationships. It does so for accounts that are not in the group AdminAgents.',
  );
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
