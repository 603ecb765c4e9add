import type { Secret } from '../core/secret.ts';
import type { AccessToken } from '../core/token.ts';
import { readClaims } from './token-claims.ts';

/** By token, because a cached token is used many times. */
const tokenIdentifiers = new WeakMap<Secret, string>();

/** The id of a token in the logs of its tenant. */
export function utiOf({ secret }: Pick<AccessToken, 'secret'>): string | undefined {
  const known = tokenIdentifiers.get(secret);
  if (known !== undefined) return known;
  const { tokenIdentifier } = readClaims(secret.reveal());
  if (tokenIdentifier !== undefined) tokenIdentifiers.set(secret, tokenIdentifier);
  return tokenIdentifier;
}
