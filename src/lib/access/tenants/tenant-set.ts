import type { DomainName, TenantId } from '../../core/identifiers.ts';
import type { TenantEntry } from './entry.ts';
import { noGroups, type TenantGroups } from './tenant-groups.ts';

/** What is known of a tenant when lists of tenants are evaluated. */
export interface TenantFacts {
  /** Undefined if no tenant owns the requested domain, or if its tenant is unknown. Entries with a tenant id do not match then. */
  readonly tenantId: TenantId | undefined;
  /** Domains in lower case that are proven to belong to the tenant. */
  readonly domains: readonly DomainName[];
  /**
   * What `tag:` entries may name of the tenant (`namesOfTags`). Undefined: the tags cannot be read, and a choice that
   * names a tag chooses nothing.
   */
  readonly tags?: ReadonlySet<string> | undefined;
  /** Whether this is the partner's own tenant. `"*"` means every customer tenant, so a list must name the partner tenant. */
  readonly isPartnerTenant?: boolean | undefined;
  /** Domains whose tenant cannot be found out now. A choice that has one of them in `except` chooses nothing. */
  readonly unresolved?: ReadonlySet<DomainName> | undefined;
}

/** A list of tenants with its groups resolved. */
export interface TenantSet {
  /** Whether `"*"` is in the list. */
  readonly all: boolean;
  /** Tenant ids and domains. */
  readonly names: ReadonlySet<string>;
  /**
   * The domains among the names: those that are written in the list, then those of each group. Sets that name the same group
   * share its lists, because many rules may name the same large group. A domain may be on several lists.
   */
  readonly domainLists: readonly (readonly DomainName[])[];
  readonly tags: readonly string[];
}

/** The tenants of one list without those of another. */
export interface TenantChoice {
  readonly tenants: TenantSet;
  /** Takes away, whatever `tenants` says. */
  readonly except: TenantSet;
  readonly usesTags: boolean;
}

/** Compiles lists. Lists with the same entries share a set, because many rules may name the same large groups. */
export type SetCompiler = (entries: readonly TenantEntry[]) => TenantSet;

/** @param groups Read by `readGroups`, so they do not contain themselves. */
export function createSetCompiler(groups: TenantGroups = noGroups): SetCompiler {
  const known = new Map<string, TenantSet>();
  const ofGroup = (group: string): TenantSet => remembered(`group:${group}`, groups.get(group) ?? []);
  const remembered = (key: string, entries: readonly TenantEntry[]): TenantSet => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const compiled = compile(entries, ofGroup);
    known.set(key, compiled);
    return compiled;
  };
  return (entries) => {
    const [first] = entries;
    if (entries.length === 1 && first?.kind === 'group') return ofGroup(first.group);
    return remembered(JSON.stringify(entries), entries);
  };
}

function compile(entries: readonly TenantEntry[], ofGroup: (group: string) => TenantSet): TenantSet {
  const names = new Set<string>();
  const domains = new Set<DomainName>();
  const held = new Set<readonly DomainName[]>();
  const tags = new Set<string>();
  let all = false;
  for (const entry of entries) {
    if (entry.kind === 'all') all = true;
    else if (entry.kind === 'id') names.add(entry.tenantId);
    else if (entry.kind === 'tag') tags.add(entry.tag);
    else if (entry.kind === 'domain') domains.add(entry.domain);
    else {
      const group = ofGroup(entry.group);
      for (const name of group.names) names.add(name);
      for (const list of group.domainLists) held.add(list);
      for (const tag of group.tags) tags.add(tag);
    }
  }
  for (const domain of domains) names.add(domain);
  return { all, names, domainLists: [...(domains.size === 0 ? [] : [[...domains]]), ...held], tags: [...tags] };
}

/** The domains of some sets, each once. Pure. */
export function domainsIn(sets: Iterable<TenantSet>): readonly DomainName[] {
  const lists = new Set<readonly DomainName[]>();
  for (const { domainLists } of sets) for (const list of domainLists) lists.add(list);
  const [first = []] = lists;
  return lists.size <= 1 ? first : [...new Set([...lists].flat())];
}

/** A choice of two compiled lists. */
export const choiceOf = (tenants: TenantSet, except: TenantSet): TenantChoice => ({
  tenants,
  except,
  usesTags: tenants.tags.length > 0 || except.tags.length > 0,
});

/** Whether a list contains a tenant. Unknown tags match nothing. Pure. */
const contains = (set: TenantSet, facts: TenantFacts): boolean =>
  (set.all && facts.isPartnerTenant !== true) || namesIt(set, facts) || hasTag(set, facts.tags);

const namesIt = ({ names }: TenantSet, { tenantId, domains }: TenantFacts): boolean =>
  (tenantId !== undefined && names.has(tenantId)) || domains.some((domain) => names.has(domain));

/** A list has few tags, a tenant may have many. */
const hasTag = ({ tags }: TenantSet, known: TenantFacts['tags']): boolean =>
  tags.some((tag) => known?.has(tag) === true);

/** What a choice would have to know of a tenant and is not known. */
export type UnknownFact = 'tags' | 'domains';

/** The fact that is missing to decide a choice; undefined if nothing is missing. Pure. */
export function missingFact({ except, usesTags }: TenantChoice, facts: TenantFacts): UnknownFact | undefined {
  if (usesTags && facts.tags === undefined) return 'tags';
  const { unresolved } = facts;
  if (unresolved === undefined || unresolved.size === 0) return undefined;
  return except.domainLists.length > 0 && [...unresolved].some((domain) => except.names.has(domain))
    ? 'domains'
    : undefined;
}

/** Whether a choice contains a tenant. While a fact is missing that it depends on, it contains none. Pure. */
export const chooses = (choice: TenantChoice, facts: TenantFacts): boolean =>
  missingFact(choice, facts) === undefined && contains(choice.tenants, facts) && !contains(choice.except, facts);
