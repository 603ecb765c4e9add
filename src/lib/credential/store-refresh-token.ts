import { BrokerError, toBrokerError } from '../model/errors.ts';
import { errorOf, type RedeemedToken } from '../entra/judge-token-reply.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import type { StoredClientCredential, StoredRefreshToken } from '../model/credential.ts';
import type { CredentialStore, NewRefreshToken } from './credential-store.ts';

export interface StoreRefreshTokenDeps {
  readonly store: CredentialStore;
  readonly redeemer: Redeemer;
  readonly newId: () => string;
  /** What the proof asks a token for: a resource that the application may ask for in the partner tenant. */
  readonly canaryResource: string;
}

/** What became of a refresh token that was to be stored. */
export interface StoredAndProven {
  /** The newest one in the store; another run's, when that was faster. */
  readonly refreshToken: StoredRefreshToken;
  readonly proof: RedeemedToken;
}

/**
 * Redeems a refresh token, stores it, reads back what the store now gives out, and redeems that. What is worth nothing
 * is never stored, so that nobody can be killed while it is the newest version; what the store then gives out and Entra
 * refuses is disabled again. One whose second proof merely could not be had (Entra is down) stays.
 * @throws BrokerError key_vault_unavailable, or why the redemption failed.
 */
export async function storeRefreshToken(
  deps: StoreRefreshTokenDeps,
  client: StoredClientCredential,
  application: string,
  token: NewRefreshToken,
): Promise<StoredAndProven> {
  const first = await redeemFor(deps, client, token);
  if (!first.ok) throw errorOf(first.failure);
  await save(deps.store, application, token);
  const stored = await deps.store.loadRefreshToken(application);
  if (stored === undefined) {
    throw new BrokerError('key_vault_unavailable', 'Key Vault does not give out what was just stored.');
  }
  const reply = await redeemFor(deps, client, stored);
  if (reply.ok) return { refreshToken: stored, proof: reply.token };
  if (reply.failure.reach !== 'transient' && stored.secret.equals(token.secret)) {
    await deps.store.disableRefreshTokenVersion(application, stored.version);
  }
  throw errorOf(reply.failure);
}

/** A write whose reply was lost may have succeeded: the store itself says whether it did. */
async function save(store: CredentialStore, application: string, token: NewRefreshToken): Promise<void> {
  try {
    await store.saveRefreshToken(application, token);
  } catch (failure) {
    const stored = await store.loadRefreshToken(application).catch(() => undefined);
    if (stored?.secret.equals(token.secret) !== true) throw toBrokerError(failure);
  }
}

/** Redeems a stored refresh token in the application's own tenant. */
export function redeemFor(
  deps: Pick<StoreRefreshTokenDeps, 'redeemer' | 'newId' | 'canaryResource'>,
  client: StoredClientCredential,
  refreshToken: Pick<StoredRefreshToken, 'secret'>,
) {
  return deps.redeemer.redeem({
    tenantId: client.tenantId,
    resourceIdentifier: deps.canaryResource,
    clientId: client.clientId,
    clientCredential: client.credential,
    grant: { kind: 'delegated', refreshToken: refreshToken.secret },
    correlationId: deps.newId(),
  });
}
