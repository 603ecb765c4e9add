import type { TokenRequest } from '../core/token.ts';
import type { Requester } from '../core/requesters.ts';

/** Renewals ahead of time. Their callers already have a token. */
export const renewal: Requester = { id: 'renewal', kind: 'background' };

/** Returns on whose behalf a token is requested: a caller, a run, or the broker itself while it answers callers. */
export function requesterOf({
  callerId,
  runId,
  purpose,
}: Pick<TokenRequest, 'callerId' | 'runId' | 'purpose'>): Requester {
  if (callerId !== undefined) return { id: callerId, kind: 'caller' };
  const background = runId ?? purpose;
  if (background !== undefined) return { id: background, kind: 'background' };
  return { id: 'broker', kind: 'broker' };
}
