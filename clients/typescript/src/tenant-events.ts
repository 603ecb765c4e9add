import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.ts';
import { parseObject } from './broker-exchange.ts';
import { BrokerRequestError } from './broker-request-error.ts';
import { patiently } from './patiently.ts';

/** Something that happened to a customer tenant (docs/events.md). */
export interface TenantEvent {
  /** Stays the same however often the event is read or announced. */
  readonly id: string;
  /** Place in the log. Later events have higher numbers; some are left out. */
  readonly sequence: number;
  /** When the broker noticed it, ISO 8601. */
  readonly at: string;
  readonly tenantId: string;
  /** The name of the customer at that time. */
  readonly tenantName: string;
  /** For example `lost` or `ending`. A newer broker may know further kinds. */
  readonly kind: string;
  /** What has happened and why, as sentences. */
  readonly explanation: string;
  /** What to do. Absent if there is nothing to do. */
  readonly advice?: string | undefined;
  /** Why the tenant is or is not reachable. */
  readonly reason?: string | undefined;
  /** When the GDAP relationship ends, ISO 8601. */
  readonly endsAt?: string | undefined;
  /** With `extended`: when it would have ended. */
  readonly endedAt?: string | undefined;
  /** With `ending`: the relationship ends within so many days. */
  readonly days?: number | undefined;
  readonly tagsAdded?: readonly string[] | undefined;
  readonly tagsRemoved?: readonly string[] | undefined;
  /** With `consent_differs`: the missing permissions. */
  readonly scopes?: readonly string[] | undefined;
  /** With `consent_missing`: the further application that lacks the consent. Absent: `default`. */
  readonly application?: string | undefined;
  /** With `auto_consent_failed`: the error code of the cause. */
  readonly code?: string | undefined;
  /** The jobs whose last result shows what is missing. */
  readonly jobs?: readonly string[] | undefined;
}

/** Which events to read. Without a filter: all. */
export interface TenantEventsFilter {
  /** Tenant ids, domains, `group:NAME` and `tag:NAME`. */
  readonly tenants?: readonly string[];
  /** Tenants that are left out, written like `tenants`. */
  readonly except?: readonly string[];
  readonly kind?: string;
  /** Only events that were noticed at this time or later. */
  readonly since?: Date;
  /** Only events with a higher `sequence`. */
  readonly after?: number;
}

/** Events in one answer. */
const pageSize = 500;

/**
 * Reads what happened to customer tenants, the newest first. It requests the next page when the events of a page have been
 * used. A page that fails is requested up to five times, and each event is yielded once. To wait for later events, call it
 * again with the highest `sequence` that you have seen as `after`.
 *
 * @throws TypeError that names the invalid option.
 * @throws BrokerRequestError, while iterating, if a page cannot be read. The events before it have been yielded.
 */
export function tenantEvents(
  options: BrokerConnectionOptions,
  filter: TenantEventsFilter = {},
): AsyncGenerator<TenantEvent, void, undefined> {
  const query = queryOf(filter);
  return eventsFrom(new BrokerConnection(options), query);
}

/** @throws TypeError for what would name other events than the caller means. */
function queryOf({ tenants, except, kind, since, after }: TenantEventsFilter): URLSearchParams {
  const query = new URLSearchParams({ limit: String(pageSize) });
  for (const [name, entries] of Object.entries({ tenants, except })) {
    // Without entries the broker would not limit the answer.
    if (entries?.length === 0) throw new TypeError(`${name}: is empty. Leave it out for all tenants.`);
    if (entries !== undefined) query.set(name, entries.join(','));
  }
  if (kind !== undefined) query.set('kind', kind);
  if (since !== undefined) {
    if (Number.isNaN(since.getTime())) throw new TypeError('since: is not a valid date.');
    query.set('since', since.toISOString());
  }
  if (after !== undefined) query.set('after', String(after));
  return query;
}

async function* eventsFrom(
  connection: BrokerConnection,
  query: URLSearchParams,
): AsyncGenerator<TenantEvent, void, undefined> {
  for (;;) {
    const { text } = await patiently(connection, `${connection.apiUrl}events?${query.toString()}`);
    const { events, continuation } = parseObject(text);
    if (!Array.isArray(events))
      throw new BrokerRequestError('The response is not a page of events.', { code: 'unexpected', status: 200 });
    yield* events as TenantEvent[];
    if (typeof continuation !== 'string') return;
    query.set('continuation', continuation);
  }
}
