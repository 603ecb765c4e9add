import type { Services } from '../composition.ts';
import { mayRead, readableTenants, type ReadableTenants } from '../lib/access/tenants/visible-tenants.ts';
import {
  askedProblems,
  type AskedTenants,
  knowTenants,
  notFound,
  selectTenants,
} from '../lib/access/tenants/selected-tenants.ts';
import { chooses } from '../lib/access/tenants/tenant-set.ts';
import { type Caller, callerIdOf } from '../lib/core/caller.ts';
import { BrokerError } from '../lib/core/errors.ts';
import type { TenantId } from '../lib/core/identifiers.ts';
import { tenantIdFor } from './readable.ts';
import { chosenBy } from './tenant-choice.ts';

/** The tenants of a new run, as `startRun` takes them. */
export interface TenantsToVisit {
  readonly tenants?: readonly TenantId[];
  readonly choice?: AskedTenants;
  readonly asked?: AskedTenants;
}

/** Who asks, and the tenants that it may name. */
export interface Reader {
  readonly caller: Caller;
  readonly readable: ReadableTenants;
  /** Why no other tenant may be named. */
  readonly limit: string;
}

/**
 * Reads what a request for a run names. Tenants that are named by id or domain must exist, because in `except` a wrong one
 * would take nothing away. Groups and tags are resolved when the run is planned; for a caller whose reading is limited they
 * are resolved now, to tenants that it may read. The answer to it does not tell whether another tenant exists or has a tag.
 * @throws BrokerError request_invalid for wrong entries, unknown groups, and if no customer is left; tenant_unknown;
 * caller_forbidden, or like `selectTenants`, `knowTenants` and `readableTenants`.
 */
export async function tenantsToVisit(services: Services, caller: Caller, asked: AskedTenants): Promise<TenantsToVisit> {
  const reader = { caller, readable: await readableTenants(services, caller), limit: 'that it may read' };
  if (isForAll(asked) && reader.readable !== '*') throw notAllowed(reader);
  return tenantsAmong(services, reader, asked);
}

const isForAll = ({ tenants }: AskedTenants): boolean =>
  tenants === undefined || (tenants.length === 1 && tenants[0] === '*');

/** As {@link tenantsToVisit} for given limits. A caller with a limit that names no tenants gets those within it. */
export async function tenantsAmong(
  services: Services,
  reader: Reader,
  { tenants: named, except: excepted }: AskedTenants,
): Promise<TenantsToVisit> {
  const { readable } = reader;
  const [problem] = readable === '*' ? [] : askedProblems({ tenants: named, except: excepted });
  // A limit hides whether a tenant exists, and not that an entry is none.
  if (problem !== undefined) throw new BrokerError('request_invalid', problem);
  const tenants = isForAll({ tenants: named }) ? undefined : named;
  const except = excepted?.length === 0 ? undefined : excepted;
  if (tenants === undefined && except === undefined) {
    return readable === '*' ? {} : { tenants: await chosenNow(services, reader, {}) };
  }
  const asked = { ...(tenants && { tenants }), ...(except && { except }) };
  const namesOnly = tenants?.every(isName) === true;
  // The most frequent request, and its answer to what is neither an id nor a domain.
  if (namesOnly && except === undefined) return { tenants: await idsOf(services, reader, tenants), asked };
  const choice = await withIds(services, reader, asked);
  const chosen = await chosenNow(services, reader, choice);
  if (readable !== '*') return { tenants: chosen, asked };
  if (!namesOnly) return { choice, asked };
  return { tenants: await idsOf(services, reader, tenants), choice: { except: choice.except }, asked };
}

const isName = (entry: string): boolean => entry !== '*' && !entry.startsWith('group:') && !entry.startsWith('tag:');

/** Checks the entries, and replaces domains by the ids of their tenants. */
async function withIds(services: Services, reader: Reader, asked: AskedTenants): Promise<AskedTenants> {
  await chosenBy(services, reader.readable, asked);
  const resolved = async (entries: readonly string[] | undefined): Promise<readonly string[] | undefined> =>
    entries && [
      ...(await idsOf(services, reader, entries.filter(isName))),
      ...entries.filter((entry) => !isName(entry)),
    ];
  const [tenants, except] = [await resolved(asked.tenants), await resolved(asked.except)];
  return { ...(tenants && { tenants }), ...(except && { except }) };
}

/** The customers that are chosen now. @throws BrokerError if there is none. */
async function chosenNow(services: Services, reader: Reader, asked: AskedTenants): Promise<readonly TenantId[]> {
  const { caller, readable } = reader;
  const choice = await chosenBy(services, readable, asked);
  const known = await knowTenants(services, [choice], callerIdOf(caller));
  const customers = (await services.directory.list()).map(({ tenantId }) => tenantId);
  const chosen = customers.filter((id) => mayRead(readable, id) && chooses(choice, known.factsOf(id)));
  if (chosen.length > 0) return chosen;
  if (readable !== '*') throw notAllowed(reader);
  throw new BrokerError(
    'request_invalid',
    ['`tenants` and `except` leave no customer to visit.', ...notFound([choice], known)].join(' '),
  );
}

/** The ids of customers that are named by id or domain. */
async function idsOf(services: Services, reader: Reader, names: readonly string[]): Promise<readonly TenantId[]> {
  if (names.length === 0) return [];
  const { caller, readable } = reader;
  if (readable === '*') return onlyIds(await selectTenants(services.directory, names, undefined, callerIdOf(caller)));
  const wanted: TenantId[] = [];
  for (const name of names) {
    const tenantId = await tenantIdFor(services, reader, name);
    // The directory is not asked about a tenant that the caller may not read: its failure would tell who is a customer.
    if (tenantId === undefined || !mayRead(readable, tenantId)) throw notAllowed(reader);
    wanted.push(tenantId);
  }
  const chosen = await selectTenants(services.directory, wanted, undefined, callerIdOf(caller)).catch(hideUnknown);
  if (chosen.length > 0) return onlyIds(chosen);
  throw notAllowed(reader);
}

const notAllowed = ({ limit }: Reader): BrokerError =>
  new BrokerError(
    'caller_forbidden',
    `This caller may act only on tenants ${limit}. Name such tenants in \`tenants\`, by id, domain, group or tag; in \`except\`, name no other tenant.`,
  );

const onlyIds = (tenants: readonly { readonly tenantId: TenantId }[]): TenantId[] =>
  tenants.map(({ tenantId }) => tenantId);

function hideUnknown(thrown: unknown): [] {
  if (thrown instanceof BrokerError && thrown.code === 'tenant_unknown') return [];
  throw thrown;
}
