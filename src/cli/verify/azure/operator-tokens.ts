import type { AccessToken, TokenCredential } from '@azure/identity';
import type { Clock } from '../../../lib/core/clock.ts';
import { once } from '../../../lib/core/single-flight.ts';

/** A token is renewed this long before it expires. */
const renewBeforeMs = 300_000;

/** Tokens of the person who runs the command. They are kept, because `az` takes about a second and a process for each. */
export function operatorTokens(
  signIn: () => Promise<TokenCredential>,
  clock: Clock,
): (resource: string) => Promise<string> {
  const identity = once(signIn);
  const kept = new Map<string, AccessToken>();
  return async (resource) => {
    const known = kept.get(resource);
    if (known !== undefined && known.expiresOnTimestamp - clock.nowMs() > renewBeforeMs) return known.token;
    const token = await (await identity()).getToken(`${resource}/.default`);
    if (token === null) throw new Error(`no token for ${resource}`);
    kept.set(resource, token);
    return token.token;
  };
}
