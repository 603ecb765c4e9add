import type { Rule } from '../../access/policy/policy.ts';
import { BrokerError } from '../../core/errors.ts';

/** Why a rule serves no request of a run. Undefined: it has no condition. */
export function conditionRefusal({
  name,
  approval,
  breakGlass,
}: Pick<Rule, 'name' | 'approval' | 'breakGlass'>): BrokerError | undefined {
  if (approval === undefined && !breakGlass) return undefined;
  const condition = breakGlass ? 'is for emergencies' : 'needs an approval';
  return new BrokerError(
    'caller_forbidden',
    `Only the rule "${name}" opens the request, and it ${condition}, which a query cannot wait for or declare. Send the request to each tenant by itself: \`ptb request\`.`,
  );
}
