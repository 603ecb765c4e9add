import type { JWK } from 'jose';

/** The key that signs, in its newest version; or why there is none, in one sentence. */
export type KeyInUse = { readonly id: string } | { readonly missing: string };

/** Signs with a key that stays in Key Vault. */
export interface CheckpointSigner {
  /** @throws BrokerError key_vault_unavailable, also for a key that is disabled. */
  current(): Promise<KeyInUse>;
  /** ES256 (RFC 7518) over the bytes. @throws BrokerError key_vault_unavailable. */
  sign(keyId: string, data: Uint8Array): Promise<Uint8Array>;
  /** The public key with this id; undefined if the vault has no such version. @throws BrokerError key_vault_unavailable. */
  publicKey(keyId: string): Promise<JWK | undefined>;
}
