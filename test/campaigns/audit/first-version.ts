import {
  canonicalText,
  type ChainHead,
  type ChainLink,
  type Checkpoint,
  checkpointType,
  hashOf,
  readLink,
  setDigest,
  type StoredRecord,
} from '../../../src/lib/audit/chain/checkpoint.ts';
import type { CheckpointLog, CheckpointSigner } from '../../../src/lib/audit/chain/checkpoint-log.ts';

/*
 * How the first version with checkpoints wrote them. Its checkpoints are in the storage of deployments, and it can be led
 * astray by whoever writes the table or appends to the blob: verification has to be safe with what it signed.
 */

const minuteMs = 60_000;
const settleMs = minuteMs;
const overlapMs = 2 * minuteMs;
const chainLifeMs = 120 * minuteMs;
const longestMs = 10 * minuteMs;
const shortestMs = minuteMs;
const isoTime = (ms: number): string => new Date(ms).toISOString();

interface Chained {
  readonly hash: string;
  readonly atMs: number;
  readonly link: ChainLink;
}
type Places = ReadonlyMap<number, readonly Chained[]>;

export interface FirstVersionDeps {
  readonly checkpoints: Pick<CheckpointLog, 'append'>;
  /** The last line of the log, whatever it is. */
  readonly last: { readonly jws: string; readonly position: number } | undefined;
  readonly signer: Pick<CheckpointSigner, 'current' | 'sign'>;
  readonly read: (fromMs: number, toMs: number) => AsyncIterable<StoredRecord>;
  readonly nowMs: number;
}

/** @returns whether it wrote one. */
export async function writeFirstVersionCheckpoint(deps: FirstVersionDeps, retentionMs: number): Promise<boolean> {
  const { last, nowMs, signer } = deps;
  const before = last === undefined ? undefined : payloadOf(last.jws);
  const latestMs = nowMs - settleMs;
  const fromMs = before === undefined ? latestMs - longestMs : Date.parse(before.to);
  const toMs = Math.min(latestMs, fromMs + longestMs);
  if (toMs - fromMs < shortestMs) return false;
  const { chains, unchained } = await indexRecords(deps.read(fromMs - overlapMs, toMs + settleMs));
  const loose = unchained.filter(({ atMs }) => atMs > fromMs && atMs <= toMs).map(({ hash }) => hash);
  const checkpoint: Checkpoint = {
    v: 1,
    number: (before?.number ?? 0) + 1,
    at: isoTime(nowMs),
    from: isoTime(fromMs),
    to: isoTime(toMs),
    previous: last === undefined ? null : hashOf(last.jws),
    purgedBefore: isoTime(Math.max(nowMs - retentionMs, Date.parse(before?.purgedBefore ?? isoTime(0)))),
    chains: headsOf(chains, before, toMs),
    unchained: { records: loose.length, digest: setDigest(loose) },
  };
  const key = await signer.current();
  if (!('id' in key)) return false;
  const signed = `${encode({ alg: 'ES256', kid: key.id, typ: checkpointType })}.${encode(checkpoint)}`;
  const signature = await signer.sign(key.id, Buffer.from(signed));
  return deps.checkpoints.append(`${signed}.${Buffer.from(signature).toString('base64url')}`, checkpoint.number, last);
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const payloadOf = (jws: string): Checkpoint =>
  JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as Checkpoint;

async function indexRecords(records: AsyncIterable<StoredRecord>) {
  const chains = new Map<string, Map<number, Chained[]>>();
  const unchained: Omit<Chained, 'link'>[] = [];
  for await (const record of records) {
    const atMs = 9_999_999_999_999 - Number(record.RowKey.slice(0, 13));
    const known = { hash: hashOf(canonicalText(record)), atMs };
    const link = readLink(record['chain']);
    if (record['chain'] === undefined) unchained.push(known);
    if (link === undefined) continue;
    const places = chains.get(link.id) ?? new Map<number, Chained[]>();
    chains.set(link.id, places);
    places.set(link.seq, [...(places.get(link.seq) ?? []), { ...known, link }]);
  }
  return { chains, unchained };
}

function headsOf(chains: ReadonlyMap<string, Places>, before: Checkpoint | undefined, toMs: number): ChainHead[] {
  const known = new Map(before?.chains.map((head) => [head.id, head]));
  const heads = [...new Set([...known.keys(), ...chains.keys()])].map((id) =>
    headOf(id, chains.get(id) ?? new Map(), { last: known.get(id), isFirst: before === undefined, toMs }),
  );
  return heads.filter((head) => head !== undefined && Date.parse(head.at) > toMs - chainLifeMs) as ChainHead[];
}

interface Known {
  readonly last: ChainHead | undefined;
  /** Whether there is no checkpoint that would name the start of older chains. */
  readonly isFirst: boolean;
  readonly toMs: number;
}

/** The head of a chain, or undefined if none of its records is old enough. */
function headOf(id: string, places: Places, { last, isFirst, toMs }: Known): ChainHead | undefined {
  const { holes: _, ...kept } = last ?? {};
  const found = [...places.values()]
    .map((records) => rightOf(records, places))
    .filter((record) => record.link.seq > (last?.seq ?? 0))
    .toSorted((one, other) => one.link.seq - other.link.seq);
  const head = found.findLast(({ atMs }) => atMs <= toMs);
  const [oldest] = found;
  if (head === undefined || oldest === undefined) return last === undefined ? undefined : (kept as ChainHead);
  const first = last?.first ?? (isFirst ? oldest.link.seq : 1);
  const covered = found.filter(({ link }) => link.seq <= head.link.seq);
  const holes = holesOf(covered, last ?? { seq: first - 1, head: '' });
  return {
    id,
    seq: head.link.seq,
    head: head.hash,
    at: isoTime(head.atMs),
    first,
    since: last?.since ?? isoTime(oldest.atMs),
    records: (last?.records ?? 0) + covered.length,
    ...(holes.length === 0 ? {} : { holes }),
  };
}

/** The record of a place. If there are several, the one that the next record names, for only one was written by the app. */
function rightOf(records: readonly Chained[], places: Places): Chained {
  const [one] = records;
  if (one === undefined) throw new TypeError('a place without records');
  const next = places.get(one.link.seq + 1) ?? [];
  return records.find(({ hash }) => next.some(({ link }) => link.previous === hash)) ?? one;
}

/** The places without a record between these, which are in order and follow `last`. */
function holesOf(records: readonly Chained[], last: Pick<ChainHead, 'seq' | 'head'>): [number, number, string][] {
  const holes: [number, number, string][] = [];
  let before = last;
  for (const { link, hash } of records) {
    if (link.seq > before.seq + 1) holes.push([before.seq + 1, link.seq - 1, before.head]);
    before = { seq: link.seq, head: hash };
  }
  return holes;
}
