import type { CryptoKey, JWK, KeyObject } from 'jose';
import { type Checkpoint, checkpointSchema, checkpointType, hashOf } from '../../lib/audit/chain/checkpoint.ts';
import { hourMs } from '../../lib/core/clock.ts';
import { asObject } from '../../lib/core/objects.ts';
import { parseJson } from '../../lib/core/outbound.ts';

/** Tampering, by what happened to records or checkpoints. */
type Tampering = 'changed' | 'removed' | 'reordered' | 'truncated' | 'inserted' | 'forged';

/**
 * What verification found. `unproven`: nothing speaks for tampering, but nothing signed speaks against it either.
 * `crash`: records that an instance was writing when it ended; nobody got what they were for.
 */
export interface Finding {
  readonly kind: Tampering | 'unproven' | 'crash';
  /** What it is about, in one sentence. */
  readonly detail: string;
  readonly chain?: string;
  /** Sequences in the chain, both inclusive. */
  readonly first?: number;
  readonly last?: number;
  /** Keys of the record in the table. */
  readonly record?: { readonly partitionKey: string; readonly rowKey: string };
  /** Number of a checkpoint. */
  readonly checkpoint?: number;
  /** When the records were written, as far as it is known: ISO 8601. */
  readonly between?: readonly [string, string];
}

/** A finding about a record, whose keys are read later. */
export interface RowFinding extends Omit<Finding, 'record'> {
  /** Number of the record in the export, from 0. */
  readonly row?: number;
}

export const isTampering = ({ kind }: Pick<Finding, 'kind'>): boolean => kind !== 'unproven' && kind !== 'crash';

/**
 * How many records there are of each state. Each record of the export counts once.
 * - `proven`: in the period of the verdict, and a signature vouches for content and sequence.
 * - `newer`: after that period; at most those of its last minutes are signed.
 * - `earlier`: before the first checkpoint at hand. Nothing signed knows all records of that time.
 * - `unsigned`: within the period, and nothing signed vouches for them. A finding names them.
 * - `outside`: beyond the period that was requested, or at its limits.
 * - `tampered`: a finding says what is wrong with them.
 */
export interface Tally {
  proven: number;
  newer: number;
  earlier: number;
  unsigned: number;
  outside: number;
  tampered: number;
}

export const newTally = (): Tally => ({ proven: 0, newer: 0, earlier: 0, unsigned: 0, outside: 0, tampered: 0 });

/**
 * A checkpoint says that records may have been purged whose age is AUDIT_RETENTION_DAYS, which is a day or more. This much
 * less may come from a clock that is ahead.
 */
const shortestRetentionMs = 12 * hourMs;

/** A checkpoint whose signature is valid. */
export interface SignedCheckpoint extends Checkpoint {
  /** Id of the key that signed it. */
  readonly keyId: string;
  readonly hash: string;
}

/** The checkpoints of an export. */
export interface ReadCheckpoints {
  /** In their order. Each follows the one before by number, or a finding says what is missing. */
  readonly checkpoints: readonly SignedCheckpoint[];
  /** Numbers of those whose key is not known. They are not used: nobody has verified what they say. */
  readonly unverified: ReadonlySet<number>;
  readonly findings: readonly Finding[];
}

type PublicKey = CryptoKey | KeyObject | Uint8Array;

/** Checks signatures, numbers and links. @param keys the public keys, each with its `kid`. */
export async function readCheckpoints(signed: readonly string[], keys: readonly JWK[]): Promise<ReadCheckpoints> {
  const findings: Finding[] = [];
  const valid: SignedCheckpoint[] = [];
  const unknown = new Map<string, Set<number>>();
  const imported = await importKeys(keys, findings);
  const { compactVerify } = await import('jose');
  for (const [index, jws] of signed.entries()) {
    const { kid, payload } = partsOf(jws);
    const key = imported.get(kid ?? '');
    if (kid !== undefined && key === undefined) {
      const numbers = unknown.get(kid) ?? new Set<number>();
      unknown.set(kid, numbers.add(numberOf(payload)));
      continue;
    }
    const read = await readOne(jws, async () => {
      if (key !== undefined) await compactVerify(jws, key, { algorithms: ['ES256'] });
    });
    if (typeof read === 'string') findings.push({ kind: 'forged', detail: `Checkpoint line ${index + 1}: ${read}.` });
    else valid.push(read);
  }
  findings.push(...[...unknown].flatMap(([kid, numbers]) => [...numbers].map((number) => keyFinding(kid, number))));
  const unverified = new Set([...unknown.values()].flatMap((numbers) => [...numbers]));
  const sorted = valid.toSorted((one, other) => one.number - other.number);
  return { checkpoints: linked(sorted, unverified, findings), unverified, findings };
}

async function importKeys(keys: readonly JWK[], findings: Finding[]): Promise<ReadonlyMap<string, PublicKey>> {
  const { importJWK } = await import('jose');
  const imported = new Map<string, PublicKey>();
  for (const key of keys) {
    try {
      imported.set(key.kid ?? '', await importJWK(key, 'ES256'));
    } catch {
      const detail = `The key ${key.kid ?? 'without an id'} is not a public key of P-256.`;
      findings.push({ kind: 'unproven', detail });
    }
  }
  return imported;
}

function keyFinding(kid: string, number: number): Finding {
  const detail = `The key ${kid} is needed to verify it. Get it from Key Vault, and give it with --key.`;
  return { kind: 'unproven', ...(number > 0 ? { checkpoint: number } : {}), detail };
}

/** The key that a line names, and its payload: both unverified. Without `kid` if the line is not a checkpoint. */
function partsOf(jws: string): { readonly kid?: string; readonly payload: unknown } {
  const [header, payload] = jws.split('.').map((part) => parseJson(Buffer.from(part, 'base64url').toString('utf8')));
  const { kid, typ } = asObject(header);
  return typeof kid === 'string' && typ === checkpointType ? { kid, payload } : { payload };
}

/** The number that an unverified checkpoint claims; 0 if it has none. */
function numberOf(payload: unknown): number {
  const { number } = asObject(payload);
  return typeof number === 'number' && Number.isInteger(number) ? number : 0;
}

/** @returns why it is not valid, or the checkpoint. */
async function readOne(jws: string, verify: () => Promise<void>): Promise<SignedCheckpoint | string> {
  const { kid, payload } = partsOf(jws);
  if (kid === undefined) return 'it is not a checkpoint';
  try {
    await verify();
  } catch (error) {
    return `its signature is not valid (${error instanceof Error ? error.message : 'unknown'})`;
  }
  const parsed = checkpointSchema.safeParse(payload);
  if (!parsed.success) return 'it is signed, but this version cannot read it';
  const { purgedBefore, at, from, to } = parsed.data;
  if (Date.parse(purgedBefore) > Date.parse(at) - shortestRetentionMs)
    return `it is signed, but says of records that are not old enough that they may have been purged (before ${purgedBefore}): it was built on a line that no broker wrote`;
  if (from >= to) return 'it is signed, but its period is empty';
  return { ...parsed.data, keyId: kid, hash: hashOf(jws) };
}

/** Keeps those that follow each other. */
function linked(
  sorted: readonly SignedCheckpoint[],
  unverified: ReadonlySet<number>,
  findings: Finding[],
): SignedCheckpoint[] {
  const kept: SignedCheckpoint[] = [];
  for (const next of sorted) {
    const before = kept.at(-1);
    const { number } = next;
    if (before === undefined || isNext(before, next)) kept.push(next);
    else if (number === before.number && next.hash === before.hash) continue;
    else if (number === before.number)
      findings.push({ kind: 'forged', checkpoint: number, detail: `There are two checkpoints ${number}.` });
    else if (number > before.number + 1) {
      findings.push(...missing(before, next, unverified));
      kept.push(next);
    } else {
      const detail = `Checkpoint ${number} does not follow the checkpoint ${before.number} that is here: one of them was replaced.`;
      findings.push({ kind: 'forged', checkpoint: number, detail });
      kept.push(next);
    }
  }
  if (kept[0]?.number === 1 && kept[0].previous !== null)
    findings.push({ kind: 'forged', checkpoint: 1, detail: 'The first checkpoint names one before it.' });
  return kept;
}

const isNext = (before: SignedCheckpoint, { number, previous, from }: SignedCheckpoint): boolean =>
  number === before.number + 1 && previous === before.hash && from === before.to;

/** Those between two checkpoints that are neither here nor wait for their key. */
function missing(before: SignedCheckpoint, next: SignedCheckpoint, unverified: ReadonlySet<number>): Finding[] {
  const [first, last] = [before.number + 1, next.number - 1];
  let known = 0;
  for (const number of unverified) if (number >= first && number <= last) known += 1;
  if (known === last - first + 1) return [];
  const which = first === last ? `Checkpoint ${first} is` : `Checkpoints ${first} to ${last} are`;
  const between = [before.at, next.at] as const;
  return [{ kind: 'removed', checkpoint: first, between, detail: `${which} missing.` }];
}
