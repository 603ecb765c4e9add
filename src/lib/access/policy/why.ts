import { type TenantEntry, textOfEntry } from '../tenants/entry.ts';
import type { TenantGroups } from '../tenants/tenant-groups.ts';
import type { TenantFacts } from '../tenants/tenant-set.ts';

/**
 * Returns which entry of a list contains a tenant, with the groups that lead to it, such as `group:gold → tag:managed`;
 * undefined if none does. Pure.
 */
export function whyContained(
  entries: readonly TenantEntry[],
  groups: TenantGroups,
  facts: TenantFacts,
): string | undefined {
  for (const entry of entries) {
    if (entry.kind === 'group') {
      const why = whyContained(groups.get(entry.group) ?? [], groups, facts);
      if (why !== undefined) return `${textOfEntry(entry)} → ${why}`;
    } else if (isFor(entry, facts)) return textOfEntry(entry);
  }
  return undefined;
}

function isFor(entry: Exclude<TenantEntry, { kind: 'group' }>, facts: TenantFacts): boolean {
  if (entry.kind === 'all') return facts.isPartnerTenant !== true;
  if (entry.kind === 'id') return entry.tenantId === facts.tenantId;
  return entry.kind === 'domain' ? facts.domains.includes(entry.domain) : (facts.tags?.has(entry.tag) ?? false);
}
