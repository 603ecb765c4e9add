import type { Part } from '../reading/part.ts';
import { notPermitted } from '../refusal.ts';
import type { Grant } from '../verdict.ts';

/**
 * Whether a path is below the signed-in account: `/me`, or `/users/` with its id or user principal name.
 * @throws Refusal for `/me` where the rule does not name it, or the token is the application's.
 */
export function ownPath(parts: readonly Part[], grant: Grant): boolean {
  const [first, second] = parts;
  const root = first?.text.toLowerCase();
  if (root === 'me') {
    if (grant.scheme === 'application') throw notPermitted('An application has no /me; request /users/{id}.');
    if (!grant.me)
      throw notPermitted('The rule does not allow /me; request /users/{id}, or add a path of /me to the rule.');
    return true;
  }
  if (root !== 'users' || grant.scheme === 'application' || !grant.me || grant.signedIn === undefined) return false;
  if (second?.kind !== 'word' && second?.kind !== 'key') return false;
  const { id, userPrincipalName } = grant.signedIn;
  return [id, userPrincipalName].some((name) => name !== '' && name.toLowerCase() === second.text.toLowerCase());
}
