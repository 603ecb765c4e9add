import { missingFact, type TenantFacts } from '../tenants/tenant-set.ts';
import { whyContained } from './why.ts';
import type { AccessPolicy, Rule } from './policy.ts';

/**
 * Says why a list of a rule covers a tenant or does not: the entry that names it, such as `tenants: group:gold → tag:managed`,
 * what takes it away, or what is not known.
 */
export function whyTenant(
  { groups }: AccessPolicy,
  { written, tenants, reads }: Rule,
  list: 'tenants' | 'reads',
  facts: TenantFacts,
): string {
  const missing = missingFact(list === 'reads' && reads !== undefined ? reads : tenants, facts);
  if (missing === 'tags') return 'the rule names a tag, and the tags of the tenant are not known';
  if (missing === 'domains') return 'the tenant of a domain in except is not known';
  const out = whyContained(written.except, groups, facts);
  if (out !== undefined) return `except: ${out}`;
  return `${list}: ${whyContained(written[list], groups, facts) ?? 'no entry for the tenant'}`;
}
