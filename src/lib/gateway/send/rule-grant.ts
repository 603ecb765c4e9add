import type { Rule } from '../../access/policy/policy.ts';
import type { Grant } from '../../core/token.ts';

/** The grant of the token behind the gateway: delegated, or application if the rule has only that. */
export const grantOf = ({ grants }: Pick<Rule, 'grants'>): Grant =>
  grants.has('delegated') ? 'delegated' : 'application';
