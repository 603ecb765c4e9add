import { chooses, domainsIn, type TenantChoice, type TenantFacts } from './tenant-set.ts';
import { namesOfTags } from '../../tenants/tag.ts';
import { type DomainName, parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { listed } from './named-tenants.ts';
import type { TenantDirectory } from '../../tenants/directory.ts';
import { type DomainOwners, ownersOf } from './domain-owners.ts';
import { type TagList, tagNamesOf, type TenantTags } from '../../tenants/tenant-tags.ts';

/** What {@link knowTenants} needs. */
export interface KnowledgeDeps {
  readonly directory: Pick<TenantDirectory, 'tenantOf'>;
  readonly tenantTags: Pick<TenantTags, 'current'>;
}

/** What is known to evaluate some choices for any customer tenant. */
export interface TenantKnowledge {
  factsOf(tenantId: TenantId): TenantFacts;
  /** Domains of the choices that no tenant has. */
  readonly unowned: readonly DomainName[];
  readonly tags: TagList | undefined;
  readonly ownerOf: (domain: DomainName) => TenantId | undefined;
}

/**
 * Finds out what some choices need: the owners of their domains, and the tags if they name one.
 * @throws BrokerError storage_unavailable, or a failure to find out the tenant of a domain. Without it, a tenant could be
 * missing, or be included although it is excepted.
 */
export async function knowTenants(
  { directory, tenantTags }: KnowledgeDeps,
  choices: readonly TenantChoice[],
  callerId?: string,
): Promise<TenantKnowledge> {
  const domains = domainsIn(choices.flatMap(({ tenants, except }) => [tenants, except]));
  const [owners, tags] = await Promise.all([
    ownersOf(directory, domains, callerId),
    choices.some(({ usesTags }) => usesTags) ? tenantTags.current() : undefined,
  ]);
  if (owners.failure !== undefined) throw owners.failure;
  return knowledgeOf(owners, tags);
}

/**
 * As `knowTenants` for a choice of a caller who may not know all customers. What it gets while Entra does not answer must not
 * depend on the lists: a domain in `tenants` whose tenant cannot be found out is as one that no tenant has, and for a domain
 * in `except` the lists are not asked.
 * @throws BrokerError as `knowTenants` does; for a domain in `except` alone.
 */
export async function knowTenantsForLimited(
  deps: KnowledgeDeps & { readonly directory: Pick<TenantDirectory, 'tenantByEntra'> },
  { tenants, except, usesTags }: TenantChoice,
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

/** What choices name and no tenant has, one sentence for tags and one for domains. */
export function notFound(choices: readonly TenantChoice[], { tags, unowned }: TenantKnowledge): readonly string[] {
  const given = new Set([...(tags?.byTenant.values() ?? [])].flatMap((own = []) => [...namesOfTags(own)]));
  const named = new Set(choices.flatMap(({ tenants, except }) => [...tenants.tags, ...except.tags]));
  const missing = [...named].filter((tag) => !given.has(tag));
  return [
    ...(missing.length === 0 ? [] : [`No tenant has a tag ${listed(missing)}.`]),
    ...(unowned.length === 0 ? [] : [`No tenant has a domain ${listed(unowned)}.`]),
  ];
}

/**
 * The tenants of some choices, customers or not. `"*"` means the customers in the directory.
 * @throws BrokerError as `knowTenants` does, and as the directory does for `"*"`.
 */
export async function tenantsOfChoices(
  deps: KnowledgeDeps & { readonly directory: Pick<TenantDirectory, 'list'> },
  choices: readonly TenantChoice[],
): Promise<ReadonlySet<TenantId>> {
  const known = await knowTenants(deps, choices);
  const isForAll = choices.some(({ tenants }) => tenants.all);
  const customers = isForAll ? (await deps.directory.list()).map(({ tenantId }) => tenantId) : [];
  const chosen = new Set<TenantId>();
  for (const choice of choices) {
    const candidates = choice.tenants.all ? customers : candidatesOf(choice, known);
    for (const tenantId of candidates) if (chooses(choice, known.factsOf(tenantId))) chosen.add(tenantId);
  }
  return chosen;
}

/** The tenants that a choice without `"*"` may contain. */
export function candidatesOf({ tenants }: TenantChoice, { ownerOf, tags }: TenantKnowledge): readonly TenantId[] {
  const named = [...tenants.names].flatMap((name) => parseTenantId(name) ?? []);
  const owners = domainsIn([tenants]).flatMap((domain) => ownerOf(domain) ?? []);
  const tagged = [...(tags?.byTenant ?? [])].flatMap(([tenantId, own = []]) => {
    const names = namesOfTags(own);
    return tenants.tags.some((tag) => names.has(tag)) ? [tenantId] : [];
  });
  return [...named, ...owners, ...tagged];
}
