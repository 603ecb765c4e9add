/*
 * The bytes that the proof for one tenant hashes, and the lines of an extract. Broker and verifier share them, so nothing
 * here needs Node: a browser runs the verifier as it is. docs/audit-evidence.md describes the whole.
 */

/** A tenant's account: how many of its records checkpoints cover, and the chained digest of them. */
export interface Account {
  readonly count: number;
  /** 32 bytes. Zero while there are no records. */
  readonly head: Uint8Array;
}

export const digestBytes = 32;
export const emptyAccount: Account = { count: 0, head: new Uint8Array(digestBytes) };

/*
 * The tree of a checkpoint. An index leads to one bucket by its first bits. A bucket has 16 entries, whatever the number of
 * tenants: a tag that whoever knows the index can compute, and a commitment to the account. The places without a tenant hold
 * random bytes. So one bucket shows all that may exist for an index, and nothing about others. Buckets are hashed in groups
 * of 32, groups of 32, and so on.
 */

/** Bits of the index that lead to a bucket, at least. They are more once a bucket would have more tenants than places. */
export const fewestBits = 11;
export const mostBits = 24;
export const entriesPerBucket = 16;
export const tagBytes = 16;
export const entryBytes = tagBytes + digestBytes;
export const bucketBytes = entriesPerBucket * entryBytes;
/** Buckets or groups that are hashed together. */
const groupBits = 5;

/** The first byte of what is hashed, so that no hash of one kind passes for one of another. */
const kinds = { tag: 0, commitment: 1, bucket: 2, group: 3, head: 4 } as const;
export const bucketKind = kinds.bucket;
export const groupKind = kinds.group;

/** Joins bytes. Numbers are written as eight bytes, most significant first. */
function joined(kind: number, parts: readonly (Uint8Array | number)[]): Uint8Array<ArrayBuffer> {
  const size = parts.reduce<number>((sum, part) => sum + (typeof part === 'number' ? 8 : part.length), 1);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes[0] = kind;
  let at = 1;
  for (const part of parts) {
    if (typeof part === 'number') view.setBigUint64(at, BigInt(part));
    else bytes.set(part, at);
    at += typeof part === 'number' ? 8 : part.length;
  }
  return bytes;
}

/** What the tag of an index is the start of the hash of. */
export const tagInput = (checkpoint: number, index: Uint8Array): Uint8Array<ArrayBuffer> =>
  joined(kinds.tag, [checkpoint, index]);

/** @param nonce known to the broker and this tenant, and another one for each checkpoint. */
export const commitmentInput = (nonce: Uint8Array, index: Uint8Array, { count, head }: Account) =>
  joined(kinds.commitment, [nonce, index, count, head]);

export const bucketInput = (bucket: Uint8Array): Uint8Array<ArrayBuffer> => joined(kinds.bucket, [bucket]);
export const groupInput = (hashes: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => joined(kinds.group, hashes);

/**
 * The next head of an account. The number of the checkpoint is in it, so that an extract cannot show records under another.
 * @param records the hashes of the records that this checkpoint is the first to cover, as {@link isBefore} orders them.
 */
export const headInput = (before: Uint8Array, checkpoint: number, records: readonly Uint8Array[]) =>
  joined(kinds.head, [before, checkpoint, ...records]);

/** The bucket of an index: its first bits. */
export const bucketOf = (index: Uint8Array, bits: number): number =>
  (((index[0] ?? 0) << 16) | ((index[1] ?? 0) << 8) | (index[2] ?? 0)) >>> (mostBits - bits);

/** How many bits each level of the tree takes, from the buckets to the root. */
export function levelsOf(bits: number): readonly number[] {
  const levels: number[] = [];
  for (let left = bits; left > 0; left -= groupBits) levels.push(Math.min(groupBits, left));
  return levels;
}

/** The name and canonical JSON of a record, as far as an extract shows it. */
type Named = Readonly<Record<string, unknown>>;

/**
 * Columns that an extract leaves out: the place of a record in the chain of its instance would tell how many records of
 * others lie between two of a tenant.
 */
export const hiddenColumns: ReadonlySet<string> = new Set(['chain', 'chainLost']);

/** What the account of a tenant counts: the record without {@link hiddenColumns}, in the JSON of RFC 8785. */
export const shownText = (record: Named): string =>
  JSON.stringify(
    record,
    Object.keys(record)
      .filter((name) => !hiddenColumns.has(name))
      .toSorted(),
  );

/** The order of the records of one checkpoint: oldest first. Row keys count down, and no two are equal. */
export const isBefore = (one: string, other: string): number => (one > other ? -1 : one < other ? 1 : 0);

/*
 * The index of a tenant is the hash of an RSA signature (PKCS #1 v1.5), of which there is exactly one for a key and a text.
 * That holds for a key only if its exponent has an inverse. Whoever makes a key can make one without, so an extract also has
 * signatures of texts that the key itself determines: a wrong key has none for nearly all texts.
 */

export const indexText = (tenantId: string): string => `ptb audit index 1 ${tenantId}`;
const witnesses = 8;
/** @param thumbprint of the key, RFC 7638. */
export const witnessTexts = (thumbprint: string): readonly string[] =>
  Array.from({ length: witnesses }, (_, number) => `ptb audit index key 1 ${thumbprint} ${number}`);
/**
 * Never shown: the nonces of a checkpoint are made of its signature.
 * @param basis hash of what the accounts depend on besides the records: another for each checkpoint, also if its number comes
 * again after the log was restored from a backup.
 */
export const nonceText = (checkpoint: number, previous: string | null, basis: string): string =>
  `ptb audit nonces 1 ${checkpoint} ${previous ?? ''} ${basis}`;

/** A public key as RFC 7517 writes it. */
export interface RsaKey {
  readonly kty: 'RSA';
  readonly n: string;
  readonly e: string;
  readonly kid: string;
}
export interface EcKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly kid: string;
}

/** What the thumbprint of a key is the hash of (RFC 7638). */
export const thumbprintText = (key: RsaKey | EcKey): string =>
  key.kty === 'RSA'
    ? JSON.stringify({ e: key.e, kty: key.kty, n: key.n })
    : JSON.stringify({ crv: key.crv, kty: key.kty, x: key.x, y: key.y });

/**
 * Within this time of its end a checkpoint may know some records and not others: clocks differ, and times of heads are whole
 * minutes.
 */
export const settledMs = 3 * 60_000;

/** The media types of what the key of the checkpoints signs for customers. */
export const headType = 'ptb-audit-head+jws';
export const extractType = 'ptb-audit-extract+jws';
/** The header of what that key signs. What begins otherwise is none of it. */
export const jwsHeader = (kid: string, typ: string): string => JSON.stringify({ alg: 'ES256', kid, typ });

/**
 * What a checkpoint says about the tenants, signed on its own: the rest of a checkpoint tells how much others do. Times are
 * whole minutes.
 */
export interface TreeHead {
  readonly v: 1;
  /** Tenant id of the partner. */
  readonly broker: string;
  /** Of the checkpoint. */
  readonly number: number;
  /** Up to when its records are covered, but for late ones. */
  readonly to: string;
  readonly root: string;
  readonly bits: number;
  /** The first checkpoint whose records the accounts count, and from when on it covers them. */
  readonly began: { readonly number: number; readonly from: string };
  /** Thumbprint of the key that makes the indexes. Another key is another tree. */
  readonly indexKey: string;
  /** SHA-256 of the head before, as it is stored. */
  readonly previous: string | null;
}

/** Characters of a name in an extract. */
export const longestName = 256;

/** Where the account of a tenant is in the tree of a checkpoint. Bytes are in base64url. */
export interface AccountProof {
  readonly bucket: string;
  /** The hashes beside those on the way to the root, each level from left to right. */
  readonly path: readonly string[];
  /** Absent if the tenant has no account. */
  readonly account?: { readonly nonce: string; readonly count: number; readonly head: string };
}

/** The lines of an extract: this one first, then those of the proof, then records by coverage, and the end. */
export interface ExtractHeader {
  readonly type: 'tenant-extract';
  readonly v: 1;
  /** As the checkpoints sign it: the tenant id of the partner. */
  readonly broker: string;
  readonly tenant: string;
  /** The period that was asked for. */
  readonly since: string;
  readonly until: string;
  readonly madeAt: string;
}
export type ExtractLine =
  | ExtractHeader
  | { readonly type: 'key'; readonly jwk: EcKey }
  | {
      readonly type: 'index';
      readonly jwk: RsaKey;
      readonly signature: string;
      readonly witnesses: readonly string[];
    }
  | ({ readonly type: 'account'; readonly jws: string } & AccountProof)
  /** A JWS over the hash of all lines before, which are not records. */
  | { readonly type: 'seal'; readonly jws: string }
  /**
   * What the partner calls a caller or the tenant, by its id. Records have ids alone, so nothing signs a name. May come again:
   * whoever has two names is shown without one.
   */
  | { readonly type: 'name'; readonly id: string; readonly name: string }
  | { readonly type: 'record'; readonly checkpoint: number; readonly record: Named }
  /** A record that is not shown. */
  | { readonly type: 'withheld'; readonly checkpoint: number; readonly hash: string }
  /** A record that no checkpoint covers. */
  | { readonly type: 'unsigned'; readonly record: Named }
  /**
   * A change that a record before names (`changeSha256`): the row of the plan, whose SHA-256 that is. Without it, why. Nobody
   * signs the reason.
   */
  | {
      readonly type: 'change';
      readonly sha256: string;
      readonly row?: string;
      readonly missing?: MissingChange;
    }
  | { readonly type: 'end'; readonly records: number; readonly withheld: number; readonly unsigned: number };

/**
 * Why the row of a change is not there: its plan was purged or deleted; its plan is there, and the row was changed or deleted in
 * storage; or it is withheld. Verifiers of version 0.2.0 refuse a file with `changed`.
 */
export type MissingChange = (typeof missingChanges)[number];
export const missingChanges = ['gone', 'changed', 'withheld'] as const;

/** Bytes to base64url, without Node. */
export function toText(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCodePoint(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Base64url to bytes; undefined for text that {@link toText} does not write. */
export function toBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return undefined;
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (sign) => sign.charCodeAt(0));
  return toText(bytes) === text ? bytes : undefined;
}
