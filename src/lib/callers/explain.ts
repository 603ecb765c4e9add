import { type Decision, decide, failedStage, type PolicyCaller, type PolicyRequest, type Stage } from './decide.ts';
import type { AccessPolicy } from './policy.ts';

interface RuleFinding {
  readonly rule: string;
  /** `allows`: this rule decides. `lacks`: see `missing`. `not reached`: an earlier rule allowed. */
  readonly outcome: 'allows' | 'lacks' | 'not reached';
  readonly missing?: Stage;
}

export interface Explanation {
  readonly decision: Decision;
  /** In the order of the policy. */
  readonly rules: readonly RuleFinding[];
}

/** The decision, and what each rule had to say. Pure. */
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
