import { BrokerError, toBrokerError } from '../model/errors.ts';
import { errorOf, type RedeemedToken } from '../entra/judge-token-reply.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import type { StoredClientCredential, StoredRefreshToken } from '../model/credential.ts';
import type { CredentialStore, NewRefreshToken } from './credential-store.ts';

export interface StoreRefreshTokenDeps {
  readonly store: CredentialStore;
  readonly redeemer: Redeemer;
  readonly newId: () => string;
  /**
   * Identifier of the resource that the proof requests a token for. The application must have it in the partner tenant.
   */
  readonly canaryResource: string;
}

/** The refresh token in the store, proven to work. */
export interface StoredAndProven {
  /** The newest version. It may come from another run that stored one in the meantime. */
  readonly refreshToken: StoredRefreshToken;
  /** The result of its redemption. */
  readonly proof: RedeemedToken;
}

/**
 * Redeems a refresh token, stores it, reads the newest version back and redeems that too. A token that does not work is
 * never stored, so a killed process cannot leave one as the newest version. If Entra rejects the token that was read
 * back, its version is disabled; after a transient failure it stays.
 * @throws BrokerError key_vault_unavailable, or the failure of the redemption.
 */
export async function storeRefreshToken(
  deps: StoreRefreshTokenDeps,
  client: StoredClientCredential,
  application: string,
  token: NewRefreshToken,
): Promise<StoredAndProven> {
  const first = await redeemRefreshToken(deps, client, token);
  if (!first.ok) throw errorOf(first.failure);
  await save(deps.store, application, token);
  const stored = await deps.store.loadRefreshToken(application);
  if (stored === undefined) {
    throw new BrokerError('key_vault_unavailable', 'Key Vault did not return the refresh token that was just stored.');
  }
  const reply = await redeemRefreshToken(deps, client, stored);
  if (reply.ok) return { refreshToken: stored, proof: reply.token };
  if (reply.failure.reach !== 'transient' && stored.secret.equals(token.secret)) {
    await deps.store.disableRefreshTokenVersion(application, stored.version);
  }
  throw errorOf(reply.failure);
}

/**
 * Stores the token. A write whose reply was lost may have succeeded, so the store is read before the error is thrown.
 */
async function save(store: CredentialStore, application: string, token: NewRefreshToken): Promise<void> {
  try {
    await store.saveRefreshToken(application, token);
  } catch (failure) {
    const stored = await store.loadRefreshToken(application).catch(() => undefined);
    if (stored?.secret.equals(token.secret) !== true) throw toBrokerError(failure);
  }
}

/** Redeems a refresh token for the canary resource in the application's own tenant. Never throws. */
export function redeemRefreshToken(
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
