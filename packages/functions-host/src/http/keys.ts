import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface HostKeys {
  readonly master: string;
  /** The default key of the host. All functions with authLevel `function` accept it. */
  readonly function: string;
  readonly system: string;
}

/** 32 random bytes in base64url, because keys are used in query strings. */
export const newKey = (): string => randomBytes(32).toString('base64url');

/** The key that a request presents in its header or, without one, in its query, whose names ignore case. */
export function presentedKey(request: IncomingMessage, query: URLSearchParams): string | undefined {
  const header = request.headers['x-functions-key'];
  if (typeof header === 'string' && header !== '') return header;
  return [...query].find(([name]) => name.toLowerCase() === 'code')?.[1];
}

/** Whether `presented` is one of `accepted`. Takes the same time for any wrong key of the right length. */
function keyMatches(presented: string | undefined, ...accepted: readonly string[]): boolean {
  if (presented === undefined) return false;
  const presentedBytes = Buffer.from(presented);
  return accepted.some((key) => {
    const keyBytes = Buffer.from(key);
    return keyBytes.length === presentedBytes.length && timingSafeEqual(keyBytes, presentedBytes);
  });
}

/**
 * Whether a request may use something that requires one of the `accepted` keys.
 * @returns 200, 401 without a valid key, or 403 with a valid key that is not accepted here.
 */
export function authorize(keys: HostKeys, presented: string | undefined, accepted: readonly string[]): 200 | 401 | 403 {
  if (keyMatches(presented, ...accepted)) return 200;
  return keyMatches(presented, keys.master, keys.function, keys.system) ? 403 : 401;
}
