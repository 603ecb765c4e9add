import type { Rule } from '../access/policy/policy.ts';
import { digestOf } from '../runs/store/stored-plan.ts';

/** Identifies a rule with its condition: an apply goes on under the rules that allowed it, and under no others. */
export const ruleDigest = ({ name, approval }: Pick<Rule, 'name' | 'approval'>): string =>
  digestOf(JSON.stringify([name, approval ?? null]));
