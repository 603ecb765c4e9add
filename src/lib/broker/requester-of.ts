import type { TokenRequest } from '../model/token.ts';
import type { Requester } from '../runtime/requesters.ts';

/** Renewals ahead of time. Their callers already have a token. */
export const renewal: Requester = { id: 'renewal', kind: 'background' };

/** Returns on whose behalf a token is requested: a caller, a job, or the broker itself while it answers callers. */
export function requesterOf({ callerId, purpose }: Pick<TokenRequest, 'callerId' | 'purpose'>): Requester {
  if (callerId !== undefined) return { id: callerId, kind: 'caller' };
  if (purpose !== undefined) return { id: purpose, kind: 'background' };
  return { id: 'broker', kind: 'broker' };
}
