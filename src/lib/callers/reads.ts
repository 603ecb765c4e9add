import { failedCallerStage, type PolicyCaller } from './decide.ts';
import type { AccessPolicy, Rule, Selection } from './policy.ts';

/** A rule that limits reading. */
export type ReadingRule = Rule & { readonly reads: Selection };

/**
 * Whether a rule limits what the caller may read. Its roles do not matter here: a caller must not escape a limit because
 * it lacks a role of the rule.
 */
export function limitsReading(rule: Rule, caller: PolicyCaller): rule is ReadingRule {
  const stage = failedCallerStage(rule, caller);
  return rule.reads !== undefined && (stage === undefined || stage === 'role');
}

/**
 * Returns the tenants whose data the caller may read: what the rules for it list together, by tenant id and by domain. A
 * caller that no rule limits may read everything that its app roles open. Pure.
 */
export function readsOf(policy: AccessPolicy, caller: PolicyCaller): Selection {
  const limits = policy.rules.filter((rule) => limitsReading(rule, caller));
  if (limits.length === 0) return '*';
  const open = limits.filter((rule) => failedCallerStage(rule, caller) === undefined).map(({ reads }) => reads);
  return open.includes('*') ? '*' : new Set(open.flatMap((reads) => (reads === '*' ? [] : [...reads])));
}
