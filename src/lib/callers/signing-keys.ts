import { importJWK, type CryptoKey } from 'jose';
import * as z from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { BrokerError } from '../model/errors.ts';
import { type Fetch, outboundFailure, parseJson, retryAfterSeconds, send } from '../runtime/outbound.ts';
import type { TenantId } from '../model/identifiers.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import { safeParse } from '../runtime/safe-parse.ts';

/** Entra's public keys by key id. */
export interface SigningKeys {
  /**
   * @returns undefined when Entra does not know the key.
   * @throws BrokerError `entra_unavailable` when that cannot be told, because the keys cannot be had.
   */
  find(keyId: string): Promise<CryptoKey | undefined>;
}

/** Entra replaces its keys on no schedule ("Signing key rollover": look at least once a day). */
const freshMs = 60 * 60 * 1000;
/** While Entra does not answer, known keys serve on for this long. */
const usableMs = 24 * 60 * 60 * 1000;
/** Between two requests, whatever key ids callers make up. */
const cooldownMs = 30_000;
const timeoutMs = 5_000;
const maxBodyBytes = 256 * 1024;

const keySetSchema = z.object({ keys: z.array(z.unknown()).min(1).max(100) });
const rsaKeySchema = z.object({
  kty: z.literal('RSA'),
  kid: z.string().min(1).max(128),
  use: z.literal('sig').optional(),
  // RFC 7518 section 3.3: 2,048 bits or more, which is 342 characters of base64url.
  n: z.string().min(342).max(2048),
  e: z.string().min(1).max(16),
  issuer: z.string().optional(),
});

interface KeySet {
  readonly keys: ReadonlyMap<string, CryptoKey>;
  readonly fetchedAtMs: number;
}

/** @param url `https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys` */
export function createSigningKeys(
  deps: { readonly fetch: Fetch; readonly clock: Clock; readonly log: Logger },
  settings: { readonly url: string; readonly tenantId: TenantId },
): SigningKeys {
  let known: KeySet | undefined;
  let failure: BrokerError | undefined;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let pending: Promise<void> | undefined;

  const refresh = async (): Promise<void> => {
    triedAtMs = deps.clock.nowMs();
    try {
      known = { keys: await fetchKeys(deps, settings), fetchedAtMs: triedAtMs };
      failure = undefined;
    } catch (error) {
      failure = error instanceof BrokerError ? error : outboundFailure(error, 'entra_unavailable', 'Entra');
      deps.log.log('warn', 'caller.keys_unavailable', errorFields(failure));
    }
  };
  const age = (sinceMs: number): number => Math.abs(deps.clock.nowMs() - sinceMs);

  return {
    find: async (keyId) => {
      const fresh = known !== undefined && age(known.fetchedAtMs) < freshMs;
      if (!(fresh && known?.keys.has(keyId)) && age(triedAtMs) >= cooldownMs) {
        pending ??= refresh().finally(() => {
          pending = undefined;
        });
      }
      await pending;
      const usable = known !== undefined && age(known.fetchedAtMs) < usableMs ? known : undefined;
      const key = usable?.keys.get(keyId);
      // An unknown key while Entra is silent may be a new one: that is not the caller's fault.
      if (key === undefined && failure !== undefined) throw failure;
      return key;
    },
  };
}

async function fetchKeys(
  deps: { readonly fetch: Fetch; readonly clock: Clock; readonly log: Logger },
  { url, tenantId }: { readonly url: string; readonly tenantId: TenantId },
): Promise<ReadonlyMap<string, CryptoKey>> {
  const reply = await send(deps.fetch, { method: 'GET', url, timeoutMs, maxBodyBytes });
  const body = safeParse(keySetSchema, parseJson(reply.body));
  if (reply.status !== 200 || !body.success) {
    throw new BrokerError('entra_unavailable', 'Entra did not send its signing keys.', {
      retryAfterSeconds: retryAfterSeconds(reply.headers, deps.clock.nowMs()),
      logFields: { status: reply.status },
    });
  }
  const keys = new Map<string, CryptoKey>();
  for (const candidate of body.data.keys) {
    const jwk = safeParse(rsaKeySchema, candidate);
    if (!jwk.success || !signsFor(jwk.data.issuer, tenantId)) continue;
    const { kty, n, e, kid } = jwk.data;
    keys.set(kid, await importJWK({ kty, n, e }, 'RS256'));
  }
  deps.log.log('info', 'caller.keys_fetched', { keys: keys.size });
  return keys;
}

/**
 * A key may be bound to an issuer ("Access tokens", section on validating the signing key issuer): a key for consumer
 * accounts must not vouch for an organisation, although both are published in one place.
 */
const signsFor = (issuer: string | undefined, tenantId: TenantId): boolean =>
  issuer === undefined || issuer.includes('{tenantid}') || issuer.toLowerCase().includes(tenantId);
