import type { TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import { requestedProblems, type RequestedTenants } from '../../lib/access/tenants/selected-tenants.ts';
import { parseTenantId } from '../../lib/core/identifiers.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { namedTenants, withTenant } from '../remote/named-tenants.ts';
import { UsageError } from '../run-program.ts';

type Tenant = TenantsAnswer['tenants'][number];

/** The tenants that some options choose, reachable or not. */
export interface SelectedTenants {
  readonly tenants: readonly Tenant[];
  /** What the broker says about its list. */
  readonly warnings: readonly string[];
}

/** Entries in one address, in characters. The Functions host takes a request line of 8 KiB. */
const maxEntriesLength = 4_000;

/**
 * Chooses tenants. Ids are found in the whole list, which is read once: an address has no room for hundreds of them, and a
 * request for each would take longer than many programs.
 * @param client of the broker, which resolves domains, groups and tags.
 * @throws UsageError for entries that are none.
 * @throws BrokerError for an id or domain that is unknown: one that is spelled wrongly in `except` would otherwise take nothing
 * away; or whatever the broker answers.
 */
export async function selectedTenants(
  client: Pick<BrokerClient, 'get'>,
  requested: RequestedTenants,
): Promise<SelectedTenants> {
  const tenants = await namedTenants(client, requested.tenants ?? []);
  const except = await namedTenants(client, requested.except ?? []);
  const [problem] = requestedProblems({ tenants, except });
  if (problem !== undefined) throw new UsageError(problem);
  const reader = new ListReader(client);
  const only = split(tenants);
  const left = split(except);
  const found = new Map<string, Tenant>();
  if (only.ids.length + left.ids.length > 0) {
    const all = await reader.withIds([...only.ids, ...left.ids]);
    const kept = left.others.length === 0 ? all : await reader.read([], left.others);
    for (const id of only.ids) setIfAny(found, kept.get(id));
  }
  if (tenants.length === 0 || only.others.length > 0) {
    for (const tenant of (await reader.read(only.others, left.others)).values()) found.set(tenant.tenantId, tenant);
  }
  for (const id of left.ids) found.delete(id);
  const chosen = [...found.values()].toSorted((one, other) => one.name.localeCompare(other.name, 'en'));
  return { tenants: chosen.map((tenant) => reader.unambiguous(tenant)), warnings: [...reader.warnings] };
}

function setIfAny(tenants: Map<string, Tenant>, tenant: Tenant | undefined): void {
  if (tenant !== undefined) tenants.set(tenant.tenantId, tenant);
}

interface Entries {
  readonly ids: readonly string[];
  /** Domains, groups, tags and `*`. */
  readonly others: readonly string[];
}

function split(entries: readonly string[]): Entries {
  const ids = entries.flatMap((entry) => parseTenantId(entry) ?? []);
  return { ids, others: entries.filter((entry) => parseTenantId(entry) === undefined) };
}

/** Reads lists of tenants, each once. */
class ListReader {
  readonly warnings = new Set<string>();
  readonly #client: Pick<BrokerClient, 'get'>;
  readonly #lists = new Map<string, ReadonlyMap<string, Tenant>>();
  /** The tenants that each name stands for. File systems may ignore the case. */
  readonly #named = new Map<string, Set<string>>();

  constructor(client: Pick<BrokerClient, 'get'>) {
    this.#client = client;
  }

  /** Without its domain if another tenant is listed with it. Files that are named by it would mix the two. */
  unambiguous(tenant: Tenant): Tenant {
    const { defaultDomain = '', ...nameless } = tenant;
    return (this.#named.get(defaultDomain.toLowerCase())?.size ?? 0) > 1 ? nameless : tenant;
  }

  /** The whole list. @throws BrokerError for the first id that it lacks, as the broker says it. */
  async withIds(ids: readonly string[]): Promise<ReadonlyMap<string, Tenant>> {
    const all = new Map(await this.#list({}));
    for (const id of ids) {
      if (all.has(id)) continue;
      all.set(id, await withTenant(this.#client, id, async () => (await this.#client.get(`/tenants/${id}`)) as Tenant));
    }
    return all;
  }

  /** @param tenants none: all. */
  async read(tenants: readonly string[], except: readonly string[]): Promise<ReadonlyMap<string, Tenant>> {
    const found = new Map<string, Tenant>();
    for (const some of parts(tenants)) {
      let kept: ReadonlyMap<string, Tenant> | undefined;
      for (const others of parts(except)) {
        const list = await this.#list({ tenants: some, except: others });
        kept = kept === undefined ? list : new Map([...kept].filter(([id]) => list.has(id)));
      }
      for (const tenant of kept?.values() ?? []) found.set(tenant.tenantId, tenant);
    }
    return found;
  }

  async #list(query: Readonly<Record<string, string | undefined>>): Promise<ReadonlyMap<string, Tenant>> {
    const key = JSON.stringify(query);
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const answer = (await this.#client.get('/tenants', query)) as TenantsAnswer;
    for (const warning of answer.warnings) this.warnings.add(warning);
    const list = new Map(answer.tenants.map((tenant) => [tenant.tenantId, tenant]));
    for (const { tenantId, defaultDomain = tenantId } of answer.tenants)
      for (const name of [tenantId, defaultDomain.toLowerCase()])
        this.#named.set(name, (this.#named.get(name) ?? new Set()).add(tenantId));
    this.#lists.set(key, list);
    return list;
  }
}

/** Entries, joined, in pieces that fit into an address. At least one piece; undefined without entries. */
function parts(entries: readonly string[]): readonly (string | undefined)[] {
  const pieces: string[] = [];
  for (const entry of entries) {
    const joined = `${pieces.at(-1) ?? ''},${entry}`;
    if (pieces.length === 0 || encodeURIComponent(joined).length > maxEntriesLength) pieces.push(entry);
    else pieces[pieces.length - 1] = joined;
  }
  return pieces.length === 0 ? [undefined] : pieces;
}
