import { chooses, type TenantChoice, type TenantFacts } from '../groups/tenant-set.ts';
import { namesOfTags } from '../groups/tag.ts';
import { type DomainName, parseTenantId, type TenantId } from '../model/identifiers.ts';
import { listed } from '../model/named-tenants.ts';
import type { TenantDirectory } from './directory.ts';
import { ownersOf } from './domain-owners.ts';
import { type TagList, tagNamesOf, type TenantTags } from './tenant-tags.ts';

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
  const domains = new Set(choices.flatMap(({ tenants, except }) => [...tenants.domains, ...except.domains]));
  const [owners, tags] = await Promise.all([
    ownersOf(directory, [...domains], callerId),
    choices.some(({ usesTags }) => usesTags) ? tenantTags.current() : undefined,
  ]);
  if (owners.failure !== undefined) throw owners.failure;
  const owned = new Map<TenantId, DomainName[]>();
  for (const [domain, tenantId] of owners.byDomain)
    if (tenantId !== undefined) owned.set(tenantId, [...(owned.get(tenantId) ?? []), domain]);
  return {
    factsOf: (tenantId) => ({
      tenantId,
      domains: owned.get(tenantId) ?? [],
      tags: tags && tagNamesOf(tags, tenantId),
    }),
    unowned: [...domains].filter((domain) => owners.byDomain.get(domain) === undefined),
    tags,
    ownerOf: (domain) => owners.byDomain.get(domain),
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
function candidatesOf({ tenants }: TenantChoice, { ownerOf, tags }: TenantKnowledge): readonly TenantId[] {
  const named = [...tenants.names].flatMap((name) => parseTenantId(name) ?? []);
  const owners = tenants.domains.flatMap((domain) => ownerOf(domain) ?? []);
  const tagged = [...(tags?.byTenant ?? [])].flatMap(([tenantId, own = []]) => {
    const names = namesOfTags(own);
    return tenants.tags.some((tag) => names.has(tag)) ? [tenantId] : [];
  });
  return [...named, ...owners, ...tagged];
}
