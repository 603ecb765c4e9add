import { createPublicKey, verify } from 'node:crypto';
import type { JWK } from 'jose';
import { type Checkpoint, checkpointSchema, checkpointType } from './checkpoint.ts';
import type { CheckpointSigner } from './checkpoint-signer.ts';
import { keyIdOf, partOf } from './jws-parts.ts';

/**
 * The checkpoint in a stored line, if the app's key has signed it. Whoever may append to the log can write a line, and the next
 * checkpoint vouches for the one before, so no other is built on.
 * @returns undefined for any other line.
 * @throws BrokerError key_vault_unavailable
 */
export async function ownCheckpoint(
  jws: string,
  signer: Pick<CheckpointSigner, 'publicKey'>,
): Promise<Checkpoint | undefined> {
  const { alg, typ } = partOf(jws, 0);
  if (alg !== 'ES256' || typ !== checkpointType) return undefined;
  const parsed = checkpointSchema.safeParse(partOf(jws, 1));
  if (!parsed.success) return undefined;
  const key = await signer.publicKey(keyIdOf(jws));
  return key !== undefined && isSigned(jws, key) ? parsed.data : undefined;
}

/** ES256 (RFC 7518 section 3.4). */
function isSigned(jws: string, jwk: JWK): boolean {
  const [header = '', payload = '', signature = ''] = jws.split('.');
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const signed = Buffer.from(`${header}.${payload}`);
    return verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
  } catch {
    // The key is none of this curve.
    return false;
  }
}
