import {
  selects,
  missingFact,
  type TenantEntry,
  type TenantFacts,
  type TenantGroups,
  textOfEntry,
} from '../tenants/tenant-set.ts';
import {
  type CallerStage,
  decide,
  type Decision,
  failedCallerStage,
  failedStage,
  limitsReading,
  type PolicyCaller,
  type PolicyRequest,
  readsOf,
  type Stage,
} from './decide.ts';
import type { AccessPolicy, Rule } from './policy.ts';

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

interface RuleFinding {
  readonly rule: string;
  /**
   * `allows`: this rule decides. `lacks`: the request fails at `missing`. `not reached`: an earlier rule allows.
   * `not needed`: it allows only on a condition, and the rule that decides comes before it. `no tokens`: the rule only limits
   * reading.
   */
  readonly outcome: 'allows' | 'lacks' | 'not reached' | 'not needed' | 'no tokens';
  readonly missing?: Stage;
  /** Why the rule covers the tenant, or why it does not. Only if the rule came as far as the tenant. */
  readonly because?: string;
}

/** A decision with the outcome of each rule. */
export interface Explanation {
  readonly decision: Decision;
  /** In the order of the policy. */
  readonly rules: readonly RuleFinding[];
}

/** Returns the decision and the outcome of each rule. Pure. */
export function explain(policy: AccessPolicy, caller: PolicyCaller, request: PolicyRequest): Explanation {
  const decision = decide(policy, caller, request);
  const decidedBy = decision.allow ? policy.rules.findIndex(({ name }) => name === decision.rule) : policy.rules.length;
  const rules = policy.rules.map((rule, index): RuleFinding => {
    if (index === decidedBy)
      return { rule: rule.name, outcome: 'allows', because: whyTenant(policy, rule, 'tenants', request) };
    if (!rule.tokens) return { rule: rule.name, outcome: 'no tokens' };
    if (index > decidedBy) return { rule: rule.name, outcome: 'not reached' };
    const missing = failedStage(rule, caller, request);
    if (missing === undefined) return { rule: rule.name, outcome: 'not needed' };
    const finding = { rule: rule.name, outcome: 'lacks', missing } as const;
    return missing === 'tenant' ? { ...finding, because: whyTenant(policy, rule, 'tenants', request) } : finding;
  });
  return { decision, rules };
}

interface ReadingFinding {
  readonly rule: string;
  /**
   * `reads`: the rule opens the tenant. `other tenants`: it opens only others. `lacks`: the caller fails at `missing`, so
   * the rule opens nothing. `no reads`: the rule does not limit reading.
   */
  readonly outcome: 'reads' | 'other tenants' | 'lacks' | 'no reads';
  readonly missing?: CallerStage;
  /** Why the rule covers the tenant, or why it does not. */
  readonly because?: string;
}

/** Whether a caller may read a tenant, with the outcome of each rule. */
export interface ReadingExplanation {
  readonly readable: boolean;
  /** False if no rule limits the caller, so that it reads all tenants. */
  readonly limited: boolean;
  readonly rules: readonly ReadingFinding[];
}

/** Returns whether the caller may read the tenant, and the outcome of each rule. Pure. */
export function explainReading(policy: AccessPolicy, caller: PolicyCaller, tenant: TenantFacts): ReadingExplanation {
  const reads = readsOf(policy, caller);
  const findingOf = (rule: Rule): ReadingFinding => {
    if (rule.reads === undefined) return { rule: rule.name, outcome: 'no reads' };
    const missing = failedCallerStage(rule, caller);
    if (missing !== undefined) return { rule: rule.name, outcome: 'lacks', missing };
    const because = whyTenant(policy, rule, 'reads', tenant);
    return { rule: rule.name, outcome: selects(rule.reads, tenant) ? 'reads' : 'other tenants', because };
  };
  return {
    readable: reads === '*' || reads.some((selection) => selects(selection, tenant)),
    limited: policy.rules.some((rule) => limitsReading(rule, caller)),
    rules: policy.rules.map(findingOf),
  };
}
