import { importJWK, type CryptoKey } from 'jose';
import * as z from 'zod';
import { type Clock, dayMs, hourMs } from '../../core/clock.ts';
import { KeptCopy } from '../../core/kept-copy.ts';
import { BrokerError } from '../../core/errors.ts';
import { type Fetch, outboundFailure, parseJson, retryAfterSeconds, send } from '../../core/outbound.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { safeParse } from '../../core/json.ts';

/** The public keys with which Entra signs tokens. */
export interface SigningKeys {
  /**
   * Returns the key with this id, or undefined if Entra does not publish it.
   * @throws BrokerError `entra_unavailable` if the keys cannot be fetched and the cached ones do not include this key.
   */
  find(keyId: string): Promise<CryptoKey | undefined>;
}

/** Age from which the keys are fetched again. Microsoft advises at least once a day ("Signing key rollover"). */
const freshMs = hourMs;
/** How long cached keys are used while Entra does not answer. */
const usableMs = dayMs;
/** Minimum time between two requests, so that invented key ids cause at most one request in this time. */
const cooldownMs = 30_000;
/** How long a caller with a known key waits for the hourly fetch. It then continues in the background. */
const patienceMs = 1_000;
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

export interface SigningKeysDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Logger;
  readonly background?: (work: () => void) => void;
}

interface SigningKeysSettings {
  readonly url: string;
  readonly tenantId: TenantId;
}

/**
 * Creates a cache of the signing keys, which fetches them on demand.
 * @param settings.url `https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys`
 */
export function createSigningKeys(deps: SigningKeysDeps, settings: SigningKeysSettings): SigningKeys {
  const copy = new KeptCopy<ReadonlyMap<string, CryptoKey>>(deps, {
    freshMs: () => freshMs,
    usableMs,
    pauseMs: () => cooldownMs,
  });
  const load = async (): Promise<ReadonlyMap<string, CryptoKey>> => {
    try {
      return await fetchKeys(deps, settings);
    } catch (error) {
      const failure = error instanceof BrokerError ? error : outboundFailure(error, 'entra_unavailable', 'Entra');
      deps.log.log('warn', 'caller.keys_unavailable', errorFields(failure));
      throw failure;
    }
  };
  return {
    find: async (keyId) => {
      // Known keys come first: neither a slow fetch nor one for an unknown key may delay callers whose key is cached.
      const cached = copy.peek();
      const known = cached?.value.get(keyId);
      if (cached !== undefined && known !== undefined && Math.abs(deps.clock.nowMs() - cached.asOfMs) < freshMs)
        return known;
      let keys = await copy.get(load, known === undefined ? {} : { patienceMs });
      if (!keys.value.has(keyId)) keys = await copy.get(load, { freshMs: cooldownMs });
      const key = keys.value.get(keyId);
      // While Entra does not answer, an unknown key may be a new one, so the token must not be refused as forged.
      if (key === undefined && keys.failure !== undefined) throw keys.failure;
      return key;
    },
  };
}

async function fetchKeys(
  deps: SigningKeysDeps,
  { url, tenantId }: SigningKeysSettings,
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
 * Whether a key may sign tokens of the tenant. A key may be bound to an issuer ("Access tokens", section on validating
 * the signing key issuer). A key for consumer accounts must not be accepted for an organisation, although the same
 * document publishes both.
 */
const signsFor = (issuer: string | undefined, tenantId: TenantId): boolean =>
  issuer === undefined || issuer.includes('{tenantid}') || issuer.toLowerCase().includes(tenantId);
