import { type Decision, decide, failedStage, type PolicyCaller, type PolicyRequest, type Stage } from './decide.ts';
import type { AccessPolicy } from './policy.ts';

interface RuleFinding {
  readonly rule: string;
  /** `allows`: this rule decides. `lacks`: the request fails at `missing`. `not reached`: an earlier rule allows. */
  readonly outcome: 'allows' | 'lacks' | 'not reached';
  readonly missing?: Stage;
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
    if (index === decidedBy) return { rule: rule.name, outcome: 'allows' };
    const missing = index < decidedBy ? failedStage(rule, caller, request) : undefined;
    return missing === undefined
      ? { rule: rule.name, outcome: 'not reached' }
      : { rule: rule.name, outcome: 'lacks', missing };
  });
  return { decision, rules };
}
