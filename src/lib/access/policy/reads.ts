import type { TenantChoice } from '../tenants/tenant-set.ts';
import { failedCallerStage, type PolicyCaller } from './decide.ts';
import type { AccessPolicy, Rule } from './policy.ts';

/** A rule that limits reading. */
type ReadingRule = Rule & { readonly reads: TenantChoice };

/** What a caller may read: `"*"` without a limit, else the tenants of all these choices together. */
export type Reads = '*' | readonly TenantChoice[];

/**
 * Whether a rule limits what the caller may read. Its roles do not matter here: a caller must not escape a limit because
 * it lacks a role of the rule.
 */
export function limitsReading(rule: Rule, caller: PolicyCaller): rule is ReadingRule {
  const stage = failedCallerStage(rule, caller);
  return rule.reads !== undefined && (stage === undefined || stage === 'role');
}

/**
 * Returns the tenants whose data the caller may read: what the rules for it list together. A caller that no rule limits
 * may read everything that its app roles open. Pure.
 */
export function readsOf(policy: AccessPolicy, caller: PolicyCaller): Reads {
  const limits = policy.rules.filter((rule) => limitsReading(rule, caller));
  if (limits.length === 0) return '*';
  const open = limits.filter((rule) => failedCallerStage(rule, caller) === undefined).map(({ reads }) => reads);
  return open.some(isUnlimited) ? '*' : open;
}

/** Whether a choice is `"*"` without any `except`: data of no tenant and of the partner's own is included. */
const isUnlimited = ({ tenants, except }: TenantChoice): boolean =>
  tenants.all && except.names.size === 0 && except.tags.length === 0;
