import { BrokerError } from '../../core/errors.ts';
import { type DomainName, parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { didYouMean, listed } from '../../core/text.ts';
import type { TenantDirectory } from '../../tenants/directory.ts';
import { namesOfTags, type TagList, tagNamesOf, type TenantTags } from '../../tenants/tags.ts';
import type { DelegatedTenant } from '../../tenants/tenant.ts';
import type { PolicyStore } from '../policy/policy-store.ts';
import { type DomainOwners, ownersOf } from './requested-tenant.ts';
import {
  selectionOf,
  selects,
  createSetCompiler,
  domainsIn,
  entryRule,
  missingFact,
  noGroups,
  parseEntry,
  type TenantSelection,
  type TenantEntry,
  type TenantFacts,
  type TenantGroups,
  unknownGroups,
} from './tenant-set.ts';

/** Tenants as somebody asks for them: lists of tenant ids, domains, `group:NAME` and `tag:NAME`. */
export interface RequestedTenants {
  /** `["*"]` and absent: all customers. */
  readonly tenants?: readonly string[] | undefined;
  /** Taken away from `tenants`. */
  readonly except?: readonly string[] | undefined;
}

const maxProblems = 5;

/** What is wrong with the entries themselves, one sentence each. Groups are not looked up. */
export function requestedProblems({ tenants = [], except = [] }: RequestedTenants): readonly string[] {
  const wrong = (list: string, entries: readonly string[]): string[] =>
    entries.flatMap((text) =>
      parseEntry(text) === undefined ? [`${list}: "${text.slice(0, 100)}" ${entryRule(text)}.`] : [],
    );
  return [
    ...wrong('tenants', tenants),
    ...wrong('except', except),
    ...(tenants.includes('*') && tenants.length > 1 ? ['tenants: "*" means all and must be the only entry.'] : []),
    ...(except.includes('*') ? ['except: "*" takes every tenant away; name the tenants, groups or tags.'] : []),
  ];
}

/**
 * Compiles requested tenants.
 * @param groups of the policy.
 * @param visible the groups that the requesting caller may know about; the others do not exist for it.
 * @throws BrokerError request_invalid for entries that are none, and for unknown groups.
 */
export function requestedSelection(
  requested: RequestedTenants,
  groups: TenantGroups = noGroups,
  visible: ReadonlyMap<string, unknown> = groups,
): TenantSelection {
  const tenants = entriesOf(requested.tenants ?? ['*']);
  const except = entriesOf(requested.except ?? []);
  const problems = [
    ...requestedProblems(requested),
    ...unknownGroups(tenants, visible).map((problem) => `tenants: ${problem}`),
    ...unknownGroups(except, visible).map((problem) => `except: ${problem}`),
  ];
  if (problems.length > 0) throw new BrokerError('request_invalid', problems.slice(0, maxProblems).join(' '));
  const compile = createSetCompiler(groups);
  return selectionOf(compile(tenants), compile(except));
}

const entriesOf = (texts: readonly string[]): readonly TenantEntry[] => texts.flatMap((text) => parseEntry(text) ?? []);

/** What {@link knowTenants} needs. */
export interface KnowledgeDeps {
  readonly directory: Pick<TenantDirectory, 'tenantOf'>;
  readonly tenantTags: Pick<TenantTags, 'current'>;
}

/** What is known to evaluate some selections for any customer tenant. */
export interface TenantKnowledge {
  factsOf(tenantId: TenantId): TenantFacts;
  /** Domains of the selections that no tenant has. */
  readonly unowned: readonly DomainName[];
  readonly tags: TagList | undefined;
  readonly ownerOf: (domain: DomainName) => TenantId | undefined;
}

/**
 * Finds out what some selections need: the owners of their domains, and the tags if they name one.
 * @throws BrokerError storage_unavailable, or a failure to find out the tenant of a domain. Without it, a tenant could be
 * missing, or be included although it is excepted.
 */
export async function knowTenants(
  { directory, tenantTags }: KnowledgeDeps,
  selections: readonly TenantSelection[],
  callerId?: string,
): Promise<TenantKnowledge> {
  const domains = domainsIn(selections.flatMap(({ tenants, except }) => [tenants, except]));
  const [owners, tags] = await Promise.all([
    ownersOf(directory, domains, callerId),
    selections.some(({ usesTags }) => usesTags) ? tenantTags.current() : undefined,
  ]);
  if (owners.failure !== undefined) throw owners.failure;
  return knowledgeOf(owners, tags);
}

/**
 * As `knowTenants` for a selection of a caller who may not know all customers. What it gets while Entra does not answer must not
 * depend on the lists: a domain in `tenants` that cannot be resolved matches nothing, and for a domain
 * in `except` the lists are not asked.
 * @throws BrokerError as `knowTenants` does; for a domain in `except` alone.
 */
export async function knowTenantsForLimited(
  deps: KnowledgeDeps & { readonly directory: Pick<TenantDirectory, 'tenantByEntra'> },
  { tenants, except, usesTags }: TenantSelection,
  callerId: string,
): Promise<TenantKnowledge> {
  const { directory, tenantTags } = deps;
  const [named, excepted, tags] = await Promise.all([
    ownersOf(directory, domainsIn([tenants]), callerId),
    ownersOf({ tenantOf: (...lookUp) => directory.tenantByEntra(...lookUp) }, domainsIn([except]), callerId),
    usesTags ? tenantTags.current() : undefined,
  ]);
  if (excepted.failure !== undefined) throw excepted.failure;
  return knowledgeOf({ byDomain: new Map([...named.byDomain, ...excepted.byDomain]) }, tags);
}

function knowledgeOf({ byDomain }: Pick<DomainOwners, 'byDomain'>, tags: TagList | undefined): TenantKnowledge {
  const owned = new Map<TenantId, DomainName[]>();
  for (const [domain, tenantId] of byDomain)
    if (tenantId !== undefined) owned.set(tenantId, [...(owned.get(tenantId) ?? []), domain]);
  return {
    factsOf: (tenantId) => ({
      tenantId,
      domains: owned.get(tenantId) ?? [],
      tags: tags && tagNamesOf(tags, tenantId),
    }),
    unowned: [...byDomain].flatMap(([domain, owner]) => (owner === undefined ? [domain] : [])),
    tags,
    ownerOf: (domain) => byDomain.get(domain),
  };
}

/** Returns what names the groups of a tenant. @throws BrokerError as `knowTenants` does. */
export async function knowGroups(
  deps: KnowledgeDeps,
  groups: TenantGroups,
): Promise<(tenantId: TenantId) => readonly string[]> {
  const compile = createSetCompiler(groups);
  const none = compile([]);
  const compiled = [...groups.keys()].map((group) => {
    return { group, selection: selectionOf(compile([{ kind: 'group', group }]), none) };
  });
  const known = await knowTenants(
    deps,
    compiled.map(({ selection }) => selection),
  );
  return (tenantId) => {
    const facts = known.factsOf(tenantId);
    return compiled.filter(({ selection }) => selects(selection, facts)).map(({ group }) => group);
  };
}

/**
 * What selections name and no tenant has, one sentence for tags and one for domains.
 * @param options.suggests names the nearest tag of any tenant: for readers without a limit.
 */
export function notFound(
  selections: readonly TenantSelection[],
  { tags, unowned }: TenantKnowledge,
  { suggests = false } = {},
): readonly string[] {
  const given = new Set([...(tags?.byTenant.values() ?? [])].flatMap((own = []) => [...namesOfTags(own)]));
  const named = new Set(selections.flatMap(({ tenants, except }) => [...tenants.tags, ...except.tags]));
  const missing = [...named].filter((tag) => !given.has(tag));
  const [only] = missing;
  const question = suggests && only !== undefined && missing.length === 1 ? didYouMean(only, [...given]) : '';
  return [
    ...(missing.length === 0 ? [] : [`No tenant has a tag ${listed(missing)}${question || '.'}`]),
    ...(unowned.length === 0 ? [] : [`No tenant has a domain ${listed(unowned)}.`]),
  ];
}

/**
 * The tenants of some selections, customers or not. `"*"` means the customers in the directory.
 * @throws BrokerError as `knowTenants` does, and as the directory does for `"*"`.
 */
export async function tenantsOfSelections(
  deps: KnowledgeDeps & { readonly directory: Pick<TenantDirectory, 'list'> },
  selections: readonly TenantSelection[],
): Promise<ReadonlySet<TenantId>> {
  const known = await knowTenants(deps, selections);
  const isForAll = selections.some(({ tenants }) => tenants.all);
  const customers = isForAll ? (await deps.directory.list()).map(({ tenantId }) => tenantId) : [];
  const selected = new Set<TenantId>();
  for (const selection of selections) {
    const candidates = selection.tenants.all ? customers : candidatesOf(selection, known);
    for (const tenantId of candidates) if (selects(selection, known.factsOf(tenantId))) selected.add(tenantId);
  }
  return selected;
}

/** The tenants that a selection without `"*"` may contain. */
export function candidatesOf({ tenants }: TenantSelection, { ownerOf, tags }: TenantKnowledge): readonly TenantId[] {
  const named = [...tenants.names].flatMap((name) => parseTenantId(name) ?? []);
  const owners = domainsIn([tenants]).flatMap((domain) => ownerOf(domain) ?? []);
  const tagged = [...(tags?.byTenant ?? [])].flatMap(([tenantId, own = []]) => {
    const names = namesOfTags(own);
    return tenants.tags.some((tag) => names.has(tag)) ? [tenantId] : [];
  });
  return [...named, ...owners, ...tagged];
}

/** Concurrent lookups. Lower than the domain resolver's concurrency, so that a long list does not delay other callers. */
const concurrency = 4;

/**
 * The tenants that a caller names, without duplicates, in the order of the directory.
 * @throws BrokerError tenant_unknown for the first reference that the directory does not know, or the directory's error
 * for it. Later references are not looked up.
 */
export async function selectTenants(
  directory: TenantDirectory,
  references: readonly string[],
  signal?: AbortSignal,
  callerId?: string,
): Promise<readonly DelegatedTenant[]> {
  const wanted = new Set<TenantId>();
  for (let first = 0; first < references.length; first += concurrency) {
    const few = references.slice(first, first + concurrency);
    const found = await Promise.allSettled(few.map((reference) => directory.find(reference, signal, callerId)));
    for (const [index, each] of found.entries()) {
      if (each.status === 'rejected') throw each.reason;
      if (each.value === undefined)
        throw new BrokerError('tenant_unknown', `"${few[index]?.slice(0, 100)}" is not among the customer tenants.`);
      wanted.add(each.value.tenantId);
    }
  }
  return (await directory.list(signal)).filter(({ tenantId }) => wanted.has(tenantId));
}

type IsSelectedDeps = Pick<KnowledgeDeps, 'tenantTags'> & { readonly policy: PolicyStore };

/**
 * Returns what tells whether lists of tenants contain a tenant, with the groups of the policy in force. It throws BrokerError
 * `request_invalid` for an unknown group, `storage_unavailable` if the tags of the tenant cannot be read, and a failure to find
 * out the tenant of a domain.
 */
export const createIsSelected =
  ({ policy: policies, tenantTags }: IsSelectedDeps, directory: () => KnowledgeDeps['directory']) =>
  async (requested: RequestedTenants, tenantId: TenantId): Promise<boolean> => {
    const { policy } = await policies.current();
    const selection = requestedSelection(requested, policy.groups);
    const facts = (await knowTenants({ tenantTags, directory: directory() }, [selection])).factsOf(tenantId);
    if (missingFact(selection, facts) !== undefined)
      throw new BrokerError('storage_unavailable', 'The tags of the tenant cannot be read.');
    return selects(selection, facts);
  };
