import type { JWK } from 'jose';
import { hashOf } from '../canonical-row.ts';
import { parseJson } from '../../runtime/outbound.ts';
import { type Checkpoint, checkpointSchema, checkpointType } from '../checkpoint.ts';
import type { Finding } from './finding.ts';

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
  readonly findings: readonly Finding[];
}

/** Checks signatures, numbers and links. @param keys the public keys, each with its `kid`. */
export async function readCheckpoints(signed: readonly string[], keys: readonly JWK[]): Promise<ReadCheckpoints> {
  const findings: Finding[] = [];
  const valid: SignedCheckpoint[] = [];
  const { compactVerify, importJWK } = await import('jose');
  const imported = new Map(
    await Promise.all(keys.map(async (key) => [key.kid ?? '', await importJWK(key, 'ES256')] as const)),
  );
  for (const [index, jws] of signed.entries()) {
    const read = await readOne(jws, async (kid) => {
      const key = imported.get(kid);
      if (key === undefined) throw new Error(`the key ${kid} is not known`);
      await compactVerify(jws, key, { algorithms: ['ES256'] });
    });
    if (typeof read === 'string') findings.push({ kind: 'forged', detail: `Checkpoint line ${index + 1}: ${read}.` });
    else valid.push(read);
  }
  const sorted = valid.toSorted((one, other) => one.number - other.number);
  return { checkpoints: linked(sorted, findings), findings };
}

/** @returns why it is not valid, or the checkpoint. */
async function readOne(jws: string, verify: (kid: string) => Promise<void>): Promise<SignedCheckpoint | string> {
  const [header, payload] = jws.split('.').map((part) => parseJson(Buffer.from(part, 'base64url').toString('utf8')));
  const { kid, typ } = (header ?? {}) as { readonly kid?: unknown; readonly typ?: unknown };
  if (typeof kid !== 'string' || typ !== checkpointType) return 'it is not a checkpoint';
  try {
    await verify(kid);
  } catch (error) {
    return `its signature is not valid (${error instanceof Error ? error.message : 'unknown'})`;
  }
  const parsed = checkpointSchema.safeParse(payload);
  if (!parsed.success) return 'it is signed, but this version cannot read it';
  return { ...parsed.data, keyId: kid, hash: hashOf(jws) };
}

/** Keeps those that follow each other. */
function linked(sorted: readonly SignedCheckpoint[], findings: Finding[]): SignedCheckpoint[] {
  const kept: SignedCheckpoint[] = [];
  for (const next of sorted) {
    const before = kept.at(-1);
    const { number } = next;
    if (before === undefined || (number === before.number + 1 && next.previous === before.hash)) kept.push(next);
    else if (number === before.number && next.hash === before.hash) continue;
    else if (number === before.number)
      findings.push({ kind: 'forged', checkpoint: number, detail: `There are two checkpoints ${number}.` });
    else if (number > before.number + 1) {
      const [first, last] = [before.number + 1, number - 1];
      const which = first === last ? `Checkpoint ${first} is` : `Checkpoints ${first} to ${last} are`;
      const between = [before.at, next.at] as const;
      findings.push({ kind: 'removed', checkpoint: first, between, detail: `${which} missing.` });
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
