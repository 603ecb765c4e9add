import { hash } from 'node:crypto';
import { compactVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { hourMs } from '../../core/durations.ts';
import type { Clock } from '../../core/clock.ts';
import type { CloudName } from '../../core/clouds.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Fetch } from '../../core/outbound.ts';
import type { TenantId } from '../../core/identifiers.ts';
import type { Logger } from '../../core/log.ts';
import type { CallerVerifier } from '../../core/caller.ts';
import { bearerToken, parseCompactJwt, Refusal, type RefusalReason } from './compact-jwt.ts';
import { acceptedIssuers } from './issuers.ts';
import { type ClaimExpectations, type JudgedClaims, judgeClaims } from './judge-claims.ts';
import { createSigningKeys, type SigningKeys } from './signing-keys.ts';

/** Which tokens are accepted. */
export interface CallerVerifierSettings {
  /** Authority base without a trailing slash: `https://login.microsoftonline.com`. */
  readonly entraEndpoint: string;
  /** Determines the issuer of v1 tokens. Default: `public`. */
  readonly cloud?: CloudName;
  /** The tenant of the broker's application. Callers from other tenants are refused. */
  readonly tenantId: TenantId;
  /** The client id of the broker's application and its `api://…` identifier. At least one. */
  readonly audiences: readonly string[];
}

/** Maximum number of cached verified tokens, about 1 KiB each. */
const maxCachedTokens = 5_000;
/** Maximum time that a verified token is cached, and so stays accepted after Entra withdraws its key. */
const maxCachedMs = hourMs;

/** What the caller is told for each reason. */
const details: Readonly<Record<RefusalReason, string>> = {
  missing: 'The request has no Authorization header.',
  too_large: 'The Authorization header is longer than 16 KiB.',
  malformed: 'The Authorization header does not contain a well-formed bearer token.',
  duplicate_claim: 'The token contains a claim or a header field twice.',
  algorithm: 'The token is not signed with RS256.',
  key_unknown: 'The token is not signed with a key of this Entra tenant.',
  signature: 'The signature of the token is invalid.',
  expired: 'The token has expired.',
  not_yet_valid: 'The token is not valid yet. Check that the clocks are synchronized.',
  issuer: 'The issuer of the token is not the Entra tenant of the broker.',
  audience: 'The token was issued for another application. Request a token for the broker.',
  tenant: 'The token was issued in another tenant than that of the broker.',
  claims: 'The token lacks a claim of an Entra access token, or its claims contradict each other.',
};

/**
 * Creates a verifier of callers' access tokens. It ignores the headers that App Service authentication sets, because a
 * caller can forge them where that feature is off.
 * @throws BrokerError `config_invalid` if `audiences` is empty.
 */
export function createCallerVerifier(
  deps: {
    readonly fetch: Fetch;
    readonly clock: Clock;
    readonly log: Logger;
    readonly background?: (work: () => void) => void;
  },
  settings: CallerVerifierSettings,
): CallerVerifier {
  const { entraEndpoint, cloud = 'public', tenantId, audiences } = settings;
  if (audiences.length === 0) throw new BrokerError('config_invalid', 'No audience is set for caller tokens.');
  const keys = createSigningKeys(deps, { url: `${entraEndpoint}/${tenantId}/discovery/v2.0/keys`, tenantId });
  const expected: ClaimExpectations = { issuers: acceptedIssuers(entraEndpoint, cloud, tenantId), audiences, tenantId };
  const verified = new LRUCache<string, JudgedClaims & { readonly untilMs: number }>({ max: maxCachedTokens });

  return {
    verify: async (authorization) => {
      try {
        const token = bearerToken(authorization);
        // Keyed by digest, so that the cache keeps no bearer token in memory.
        const digest = hash('sha256', token, 'base64');
        const nowMs = deps.clock.nowMs();
        const hit = verified.get(digest);
        if (hit !== undefined && nowMs < hit.untilMs) return hit.caller;
        const judged = await verifyToken(token, keys, expected, nowMs);
        verified.set(digest, { ...judged, untilMs: Math.min(judged.expiresAtMs, nowMs + maxCachedMs) });
        return judged.caller;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        throw new BrokerError('caller_unauthenticated', details[error.reason], {
          cause: error.cause,
          logFields: { reason: error.reason },
        });
      }
    },
  };
}

async function verifyToken(
  token: string,
  keys: SigningKeys,
  expected: ClaimExpectations,
  nowMs: number,
): Promise<JudgedClaims> {
  const { keyId, payload } = parseCompactJwt(token);
  // Checked before the signature, so that tokens of other issuers cause no request for keys.
  if (typeof payload['iss'] !== 'string' || !expected.issuers.has(payload['iss'])) throw new Refusal('issuer');
  const key = await keys.find(keyId);
  if (key === undefined) throw new Refusal('key_unknown');
  try {
    await compactVerify(token, key, { algorithms: ['RS256'] });
  } catch (cause) {
    throw new Refusal('signature', { cause });
  }
  return judgeClaims(payload, expected, nowMs);
}
