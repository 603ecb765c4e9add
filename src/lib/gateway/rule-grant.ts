import type { Rule } from '../callers/policy.ts';
import type { Grant } from '../model/token.ts';

/** The grant of the token behind the gateway: delegated, or application if the rule has only that. */
export const grantOf = ({ grants }: Pick<Rule, 'grants'>): Grant =>
  grants.has('delegated') ? 'delegated' : 'application';
