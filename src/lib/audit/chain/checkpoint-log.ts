import type { JWK } from 'jose';
import { parseJson } from '../../core/outbound.ts';
import { asObject } from '../../core/objects.ts';

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

/** A part of a JWS, unverified: the header (0) or the payload (1). Empty if it has none that can be read. */
export function partOf(jws: string, index: 0 | 1): Readonly<Record<string, unknown>> {
  return asObject(parseJson(Buffer.from(jws.split('.')[index] ?? '', 'base64url').toString('utf8')));
}

/** The id of the key that a JWS names; empty if it names none. */
export function keyIdOf(jws: string): string {
  const { kid } = partOf(jws, 0);
  return typeof kid === 'string' ? kid : '';
}

/** The last stored checkpoint, and where the next one goes. */
export interface StoredCheckpoint {
  /** Absent if there are only lines that the app has not written. */
  readonly jws?: string;
  /** Bytes in its blob, with all lines after it. */
  readonly position: number;
  /** The same for blobs with lines that are not the app's. By number of the blob. */
  readonly positions?: ReadonlyMap<number, BlobEnd>;
  /** Whether lines were found that the app has not written. */
  readonly hasForeign?: boolean;
}

export interface BlobEnd {
  readonly position: number;
  /** Whether the last line is complete. */
  readonly isWhole: boolean;
}

/** Some checkpoints that follow each other. */
export interface CheckpointPage {
  readonly checkpoints: readonly string[];
  /** Present if more follow. */
  readonly continuation?: string;
}

/** Whether a line is a checkpoint of the app: others may have appended lines, too. */
export type IsOwn = (jws: string) => Promise<boolean>;

/** The checkpoints in storage, in their order. Nothing in it is ever changed. */
export interface CheckpointLog {
  /**
   * The last one that the app has written.
   * @throws BrokerError storage_unavailable, and what `isOwn` throws.
   */
  last(isOwn: IsOwn): Promise<StoredCheckpoint | undefined>;
  /**
   * Adds the next one.
   * @returns false if another instance has added one after `before`.
   * @throws BrokerError storage_unavailable. It may have been added nevertheless.
   */
  append(jws: string, number: number, before: StoredCheckpoint | undefined): Promise<boolean>;
  /**
   * Reads checkpoints, oldest first, from about a day before `fromMs`, if there are so many. Earlier ones come, too, if the times
   * of storage are wrong and no own checkpoint is found where a blob begins. Of the app's own lines, the copies that others have
   * appended to another blob are left out.
   * @throws BrokerError storage_unavailable; request_invalid for a continuation that no page had; what `isOwn` throws.
   */
  page(fromMs: number, isOwn: IsOwn, continuation?: string): Promise<CheckpointPage>;
}
