import { hash } from 'node:crypto';
import { compactVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { hourMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import type { CloudName } from '../model/clouds.ts';
import { BrokerError } from '../model/errors.ts';
import type { Fetch } from '../runtime/outbound.ts';
import type { TenantId } from '../model/identifiers.ts';
import type { Logger } from '../runtime/log.ts';
import type { CallerVerifier } from '../model/caller.ts';
import { bearerToken, parseCompactJwt, Refusal, type RefusalReason } from './compact-jwt.ts';
import { acceptedIssuers } from './issuers.ts';
import { type ClaimExpectations, type JudgedClaims, judgeClaims } from './judge-claims.ts';
import { createSigningKeys, type SigningKeys } from './signing-keys.ts';

export interface CallerVerifierSettings {
  /** Authority base without a trailing slash: `https://login.microsoftonline.com`. */
  readonly entraEndpoint: string;
  /** Decides which issuer v1 tokens name; `public` unless said. */
  readonly cloud?: CloudName;
  /** The tenant of the broker's application: the only one whose callers are served. */
  readonly tenantId: TenantId;
  /** The application's client id and its `api://…` identifier. */
  readonly audiences: readonly string[];
}

/** Verified tokens that are remembered, about 1 KiB each. */
const maxRemembered = 5_000;
/** A key that Entra withdraws stops counting after this long at the latest. */
const rememberMs = hourMs;

const sentences: Readonly<Record<RefusalReason, string>> = {
  missing: 'The request has no Authorization header.',
  too_large: 'The Authorization header is longer than 16 KiB.',
  malformed: 'The Authorization header does not hold a well-formed bearer token.',
  duplicate_claim: 'The token gives a claim twice.',
  algorithm: 'The token is not signed with RS256.',
  key_unknown: 'The token is not signed with a key of this Entra tenant.',
  signature: 'The signature of the token is wrong.',
  expired: 'The token has expired.',
  not_yet_valid: 'The token is not valid yet; compare the clocks.',
  issuer: 'The token comes from another issuer than the Entra tenant of the broker.',
  audience: 'The token is for another application than the broker.',
  tenant: 'The token comes from another tenant than that of the broker.',
  claims: 'The token lacks a claim of an Entra access token, or contradicts itself.',
};

/** Verifies callers' access tokens in code; headers that the platform may or may not have set play no part. */
export function createCallerVerifier(
  deps: { readonly fetch: Fetch; readonly clock: Clock; readonly log: Logger },
  settings: CallerVerifierSettings,
): CallerVerifier {
  const { entraEndpoint, cloud = 'public', tenantId, audiences } = settings;
  if (audiences.length === 0) throw new BrokerError('config_invalid', 'No audience is set for caller tokens.');
  const keys = createSigningKeys(deps, { url: `${entraEndpoint}/${tenantId}/discovery/v2.0/keys`, tenantId });
  const expected: ClaimExpectations = { issuers: acceptedIssuers(entraEndpoint, cloud, tenantId), audiences, tenantId };
  const remembered = new LRUCache<string, JudgedClaims & { readonly untilMs: number }>({ max: maxRemembered });

  return {
    verify: async (authorization) => {
      try {
        const token = bearerToken(authorization);
        // The digest stands for the token, so that a heap dump or a debugger shows no bearer token here.
        const digest = hash('sha256', token, 'base64');
        const nowMs = deps.clock.nowMs();
        const hit = remembered.get(digest);
        if (hit !== undefined && nowMs < hit.untilMs) return hit.caller;
        const judged = await verifyToken(token, keys, expected, nowMs);
        remembered.set(digest, { ...judged, untilMs: Math.min(judged.expiresAtMs, nowMs + rememberMs) });
        return judged.caller;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        throw new BrokerError('caller_unauthenticated', sentences[error.reason], {
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
  // An early look at who claims to have issued it: foreign tokens shall not make us fetch keys. The proof comes after.
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
