import { parseJson } from '../../core/outbound.ts';
import { BrokerError } from '../../core/errors.ts';
import type { RequestFacts } from './request-records.ts';
import type { Answer } from './rewrite-answer.ts';
import type { Outgoing } from './send.ts';
import { type Prepared, sendRecorded } from './send-recorded.ts';

/**
 * Looks at the objects whose properties decide whether the request may be sent. Each look-up is a request of its own, with
 * its own records.
 * @param facts What the record of the request says.
 * @throws BrokerError caller_forbidden if a condition does not hold; resource_error if that is unknown.
 */
export async function checkLookUps(
  outgoing: Outgoing,
  facts: RequestFacts,
  ready: Omit<Prepared<unknown>, 'read'>,
): Promise<void> {
  for (const { url } of outgoing.verdict.lookUps) {
    const { pathname: path } = new URL(url);
    const verdict = { ...outgoing.verdict, request: { method: 'GET', url, path, headers: {} } as const };
    const lookUp = { ...outgoing, verdict, body: undefined };
    const prepare = async () => ({ ...ready, read: (answer: Answer) => answer });
    const { status, body } = await sendRecorded(lookUp, { ...facts, method: 'GET', path }, prepare);
    // The same answer as for a group to which roles can be assigned: the caller may not read which ids exist.
    if (status === 404) throw notChangeable();
    refuseRoleAssignable(status === 200 ? parseJson(Buffer.from(body).toString('utf8')) : undefined);
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
  throw notChangeable();
}

const notChangeable = (): BrokerError =>
  new BrokerError(
    'caller_forbidden',
    'The group does not exist, or directory roles can be assigned to it; a rule needs RoleManagement.ReadWrite.Directory to change such a group.',
  );
