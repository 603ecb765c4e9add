import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface HostKeys {
  readonly master: string;
  /** Opens every function of authLevel `function`: the host's own default key. */
  readonly function: string;
  readonly system: string;
}

/** 32 random bytes in base64url: the keys are part of query strings. */
export const newKey = (): string => randomBytes(32).toString('base64url');

/** The key of a request: the header wins over the query. */
export function presentedKey(request: IncomingMessage, query: URLSearchParams): string | undefined {
  const header = request.headers['x-functions-key'];
  return (typeof header === 'string' && header !== '' ? header : undefined) ?? query.get('code') ?? undefined;
}

/** Whether `presented` is one of `accepted`. */
export function keyFits(presented: string | undefined, ...accepted: readonly string[]): boolean {
  if (presented === undefined) return false;
  const given = Buffer.from(presented);
  return accepted.some((key) => {
    const known = Buffer.from(key);
    return known.length === given.length && timingSafeEqual(known, given);
  });
}
