import type { ApprovalTerms } from '../access/policy/approval-keys.ts';
import type { AccessPolicy } from '../access/policy/policy.ts';
import type { Approval } from './approval.ts';

/** What the rule of an approval asks for in the policy in force. `gone`: it does not exist or asks for no approval. */
export type RuleNow = ApprovalTerms | 'gone';

/** What the rule of an approval asks for in a policy. */
export function ruleNow({ rules }: AccessPolicy, { subject }: Pick<Approval, 'subject'>): RuleNow {
  return rules.find(({ name }) => name === subject.rule)?.approval ?? 'gone';
}
