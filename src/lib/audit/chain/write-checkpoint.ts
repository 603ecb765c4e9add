import { createPublicKey, verify } from 'node:crypto';
import type { JWK } from 'jose';
import type { Clock } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { parseJson } from '../../core/outbound.ts';
import { type CheckpointLog, type CheckpointSigner, keyIdOf, partOf, type StoredCheckpoint } from './checkpoint-log.ts';
import { type Checkpoint, checkpointSchema, checkpointType, hashOf, type StoredRecord } from './checkpoint.ts';
import { type SeenRecord, seenRecord } from '../proof/accounts.ts';
import type { TenantTree } from '../proof/tenant-tree.ts';
import { collectCheckpoint, type PreviousCheckpoint } from './collect-checkpoint.ts';

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

export interface CheckpointDeps {
  /** Tenant id of the partner. */
  readonly broker: string;
  readonly checkpoints: CheckpointLog;
  readonly signer: CheckpointSigner;
  readonly read: (fromMs: number, toMs: number) => AsyncIterable<StoredRecord>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Keeps the accounts of the tenants. */
  readonly tree?: TenantTree;
  readonly log?: Logger;
}

/**
 * Writes the next checkpoint. If another instance is faster, its checkpoint counts and this one is dropped.
 * @param retentionMs age at which records are purged.
 * @returns the checkpoint that was written; `none` if none was due or another instance wrote it; `off` if there is no key and
 * never was a checkpoint.
 * @throws BrokerError
 */
export async function writeCheckpoint(deps: CheckpointDeps, retentionMs: number): Promise<Checkpoint | 'none' | 'off'> {
  const { checkpoints, signer } = deps;
  const key = await signer.current();
  if ('missing' in key) {
    // Without a key no line can be verified, and none is built on.
    if ((await checkpoints.last(async () => true)) === undefined) return 'off';
    throw new BrokerError('key_vault_unavailable', key.missing);
  }
  const before = await checkpoints.last(async (jws) => (await ownCheckpoint(jws, signer)) !== undefined);
  const nowMs = deps.clock.nowMs();
  const previous = await previousOf(before, signer);
  const records: SeenRecord[] = [];
  const collected = await collectCheckpoint({
    previous,
    nowMs,
    purgedBeforeMs: nowMs - retentionMs,
    read: deps.read,
    ...(deps.tree === undefined ? {} : { see: (record) => records.push(seenRecord(record)) }),
  });
  if (collected === undefined) return 'none';
  const own = previous === undefined ? undefined : { checkpoint: previous.checkpoint, jws: before?.jws ?? '' };
  const tenants = await deps.tree?.head(collected, own, records, key.id).catch((thrown: unknown) => {
    // The next checkpoint makes up for it, and this one proves what it proves without.
    deps.log?.log('error', 'audit.accounts_failed', errorFields(thrown));
    return undefined;
  });
  const checkpoint = { ...collected, broker: deps.broker, ...(tenants === undefined ? {} : { tenants }) };
  const jws = await signedCheckpoint(checkpoint, key.id, signer);
  return (await checkpoints.append(jws, checkpoint.number, before)) ? checkpoint : 'none';
}

/** A checkpoint as it is stored. @throws BrokerError storage_unavailable for one that nobody could read; of the signer. */
export async function signedCheckpoint(
  checkpoint: Checkpoint,
  keyId: string,
  signer: Pick<CheckpointSigner, 'sign'>,
): Promise<string> {
  const signed = `${encode({ alg: 'ES256', kid: keyId, typ: checkpointType })}.${encode(readable(checkpoint))}`;
  const signature = await signer.sign(keyId, Buffer.from(signed));
  return `${signed}.${Buffer.from(signature).toString('base64url')}`;
}

async function previousOf(
  before: StoredCheckpoint | undefined,
  signer: CheckpointSigner,
): Promise<PreviousCheckpoint | undefined> {
  if (before?.jws === undefined) return undefined;
  const checkpoint = await ownCheckpoint(before.jws, signer);
  if (checkpoint === undefined) throw unreadable();
  return { checkpoint, hash: hashOf(before.jws) };
}

/** @throws BrokerError storage_unavailable for what nobody could read once it is signed. */
function readable(checkpoint: Checkpoint): Checkpoint {
  const parsed = checkpointSchema.safeParse(checkpoint);
  if (parsed.success) return parsed.data;
  throw new BrokerError('storage_unavailable', 'A checkpoint of the audit log could not be made of its records.', {
    cause: parsed.error,
  });
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Reads a stored checkpoint without its signature, which auditors verify. @throws BrokerError storage_unavailable. */
export function readPrevious(jws: string): PreviousCheckpoint {
  const [, payload = ''] = jws.split('.');
  const parsed = checkpointSchema.safeParse(parseJson(Buffer.from(payload, 'base64url').toString('utf8')));
  if (parsed.success) return { checkpoint: parsed.data, hash: hashOf(jws) };
  throw unreadable();
}

const unreadable = (): BrokerError =>
  new BrokerError('storage_unavailable', 'The last checkpoint of the audit log cannot be read.');
