import { parseJson } from '../runtime/outbound.ts';
import { BrokerError } from '../model/errors.ts';
import type { TokenRequest } from '../model/token.ts';
import { type Outgoing, sendUpstream } from './send.ts';

/**
 * Looks at the objects whose properties decide whether the request may be sent.
 * @throws BrokerError caller_forbidden if a condition does not hold; resource_error or request_invalid if that is unknown.
 */
export async function checkLookUps(outgoing: Outgoing, tokenRequest: TokenRequest): Promise<void> {
  for (const { url } of outgoing.verdict.lookUps) {
    const request = { method: 'GET', url, path: '', headers: {} } as const;
    const verdict = { ...outgoing.verdict, request };
    const { answer } = await sendUpstream({ ...outgoing, verdict, body: undefined }, tokenRequest);
    if (answer.status === 404) throw new BrokerError('request_invalid', 'The group of the request does not exist.');
    const group = answer.status === 200 ? parseJson(Buffer.from(answer.body).toString('utf8')) : undefined;
    refuseRoleAssignable(group);
  }
}

/** Graph leaves the property out, or answers null, for a group to which no directory role can be assigned. */
function refuseRoleAssignable(group: unknown): void {
  if (typeof group !== 'object' || group === null) {
    throw new BrokerError(
      'resource_error',
      'Microsoft Graph did not say whether roles can be assigned to the group, so the request was not sent.',
    );
  }
  const assignable: unknown = (group as { readonly isAssignableToRole?: unknown }).isAssignableToRole ?? false;
  if (assignable === false) return;
  throw new BrokerError(
    'caller_forbidden',
    'Directory roles can be assigned to this group; a rule needs RoleManagement.ReadWrite.Directory to change it.',
  );
}
