import { hash } from 'node:crypto';
import type { JWK } from 'jose';
import { dayMs, hourMs, isoTime } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { nilUuid, type TenantId } from '../../core/identifiers.ts';
import { once } from '../../core/single-flight.ts';
import { wrongContinuation } from '../../core/rows/continuation.ts';
import { type CheckpointSigner, keyIdOf } from '../chain/checkpoint-log.ts';
import { hashOf, overlapMs, settleMs, type StoredRecord } from '../chain/checkpoint.ts';
import { timeOfKeys } from '../log/audit-row.ts';
import { type Cover, coverOf, isCoveredBy, nextCover, type SeenRecord, seenRecord } from './accounts.ts';
import {
  type EcKey,
  type ExtractHeader,
  type ExtractLine,
  extractType,
  hiddenColumns,
  indexText,
  isBefore,
  longestName,
  type MissingChange,
  type RsaKey,
  settledMs,
  witnessTexts,
} from './layout.ts';
import { headOf, type OwnCheckpoint, type TenantTree, type TreeState } from './tenant-tree.ts';

/** Checkpoints whose records are in one page, at most: about eight hours. */
const checkpointsPerPage = 96;
/** A page with more records ends earlier, if it has more than one checkpoint. */
const recordsPerPage = 2_000;
/** The same for characters of what plans hold. */
const charactersPerPage = 4_000_000;
/** The same within which accounts that are lost are looked for beyond the period. */
const longestSearch = 24;
/** Shortest time that is searched for a record: that of a page. */
const shortestSearchMs = 8 * hourMs;
/** Longest time that one request searches: storage reads the records of all tenants of it, and clients wait for a minute. */
const longestSearchMs = 4 * dayMs;
/** A record that is late is covered by one of the next two. */
const lookAhead = 2;

/** Rows of plans by their digests. */
export type PlanRows = ReadonlyMap<string, string | { readonly missing: MissingChange }>;

export interface ExtractDeps {
  readonly tree: TenantTree;
  readonly signer: Pick<CheckpointSigner, 'publicKey' | 'current'>;
  readonly indexKey: Pick<CheckpointSigner, 'publicKey'>;
  /** The checkpoints of the app, each after the one that it names, from one before this time. */
  readonly checkpoints: (fromMs: number) => AsyncIterable<OwnCheckpoint>;
  /** The records of a time, of one tenant: from inclusive, to exclusive. Undefined: those of all. */
  readonly read: (fromMs: number, toMs: number, tenant: TenantId | undefined) => AsyncIterable<StoredRecord>;
  /** Whether a record must not be shown. Its hash is, if a checkpoint covers it. */
  readonly isWithheld?: (record: StoredRecord) => boolean;
  /** What the partner calls the callers in these records, by id. Without records: what it calls the tenant. */
  readonly names?: (records: readonly StoredRecord[]) => Promise<ReadonlyMap<string, string>>;
  /**
   * The rows of plans that these records name, by their digests, or why one is missing. A plan that is purged has none.
   * @param most characters. @returns undefined if there are more.
   */
  readonly changes?: (records: readonly StoredRecord[], most: number) => Promise<PlanRows | undefined>;
  /** Tenant id of the partner. */
  readonly broker: string;
  /** Records before this time may be gone. Milliseconds. */
  readonly purgedBeforeMs?: number | undefined;
}

export interface ExtractQuery {
  /** The nil UUID: records that name no tenant. */
  readonly tenant: TenantId;
  /** Inclusive. */
  readonly sinceMs: number;
  /** Exclusive. */
  readonly untilMs: number;
  readonly nowMs: number;
}

/** Some lines of an extract, in their order. */
export interface ExtractPage {
  readonly lines: readonly ExtractLine[];
  /** Absent with the last page. */
  readonly continuation?: string;
}

/** A record that is late is covered some minutes after its time, and a purge may begin while an extract is made. */
const purgeMarginMs = hourMs;

/** Where a page begins, where the extract ends, and what pages before had. */
interface Place {
  readonly after: number;
  readonly afterMs: number;
  readonly last: number;
  readonly counts: readonly [records: number, withheld: number, unsigned: number];
}

const placePattern = /^(\d{1,9})\.(\d{1,14})\.(\d{1,9})\.(\d{1,9})\.(\d{1,9})\.(\d{1,9})$/;

/**
 * One page of the extract of a tenant. The lines of all pages, each as JSON, are the file.
 * @throws BrokerError request_invalid if no signed tree covers any of the period; storage_unavailable, key_vault_unavailable.
 */
export async function extractPage(
  deps: ExtractDeps,
  query: ExtractQuery,
  continuation: string | undefined,
): Promise<ExtractPage> {
  if (continuation === undefined) return firstPage(deps, query);
  const [, ...numbers] = placePattern.exec(continuation) ?? [];
  const [after = -1, afterMs = 0, last = 0, ...counts] = numbers.map(Number);
  if (after === -1) throw wrongContinuation('is not valid');
  return recordPage(deps, query, { after, afterMs, last, counts: counts as [number, number, number] });
}

const textOfPlace = ({ after, afterMs, last, counts }: Place): string => [after, afterMs, last, ...counts].join('.');

async function firstPage(deps: ExtractDeps, query: ExtractQuery): Promise<ExtractPage> {
  const { tenant, sinceMs, untilMs, nowMs } = query;
  const { start, end } = await boundsOf(deps, query);
  const header: ExtractHeader = {
    type: 'tenant-extract',
    v: 1,
    broker: deps.broker,
    tenant,
    since: isoTime(sinceMs),
    until: isoTime(untilMs),
    madeAt: isoTime(nowMs),
  };
  const { keyId } = end.state;
  const [signing, own] = await Promise.all([deps.signer.current(), deps.indexKey.publicKey(keyId)]);
  if ('missing' in signing) throw new BrokerError('key_vault_unavailable', signing.missing);
  const heads = [...(start === undefined ? [] : [start]), end];
  const kids = new Set([...heads.map(({ keyId: kid }) => kid), signing.id]);
  const keys = await Promise.all([...kids].map((kid) => deps.signer.publicKey(kid)));
  const index: RsaKey = { kty: 'RSA', n: own?.n ?? '', e: own?.e ?? '', kid: keyId };
  const { indexKey = '' } = headOf(end.own.checkpoint) ?? {};
  const [signature = '', ...witnesses] = await deps.tree.signatures(keyId, [
    indexText(tenant),
    ...witnessTexts(indexKey),
  ]);
  const proofOf = indexOf(signature);
  const lines: ExtractLine[] = [
    header,
    ...keys.flatMap((key): ExtractLine[] => (key === undefined ? [] : [{ type: 'key', jwk: plainKey(key) }])),
    { type: 'index', jwk: index, signature, witnesses },
    ...heads.map(
      ({ own: { checkpoint }, state }): ExtractLine => ({
        type: 'account',
        jws: checkpoint.tenants ?? '',
        ...state.tree.proof(proofOf),
      }),
    ),
  ];
  const jws = await deps.tree.sign(signing.id, extractType, { v: 1, lines: hashOf(textOf(lines)) });
  const { began } = end.state;
  const after = start?.own.checkpoint.number ?? began.number - 1;
  const afterMs = Date.parse(start?.own.checkpoint.to ?? began.from);
  const place = { after, afterMs, last: end.own.checkpoint.number, counts: [0, 0, 0] } as const;
  const names = await nameLines(deps, []);
  return { lines: [...lines, { type: 'seal', jws }, ...names], continuation: textOfPlace(place) };
}

const textOf = (lines: readonly ExtractLine[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');

const indexOf = (signature: string): Uint8Array => hash('sha256', Buffer.from(signature, 'base64url'), 'buffer');

const plainKey = ({ x = '', y = '', kid = '' }: JWK): EcKey => ({ kty: 'EC', crv: 'P-256', x, y, kid });

interface Bound {
  readonly own: OwnCheckpoint;
  readonly state: TreeState;
  /** Of the key that signed its head. */
  readonly keyId: string;
}

/** The checkpoints around the period whose accounts are there. Without a start, the accounts begin within it. */
async function boundsOf(
  { tree, checkpoints, purgedBeforeMs = Number.NEGATIVE_INFINITY }: ExtractDeps,
  query: ExtractQuery,
): Promise<{ readonly start: Bound | undefined; readonly end: Bound }> {
  const sinceMs = query.sinceMs - settledMs;
  // Accounts that are lost are there again soon.
  const isFar = ({ beyond }: Around): boolean => beyond.length > longestSearch;
  // Each checkpoint costs time, so all of the period are read only if those around it lack accounts.
  const all = once(() => around(checkpoints(sinceMs), query, isFar));
  const end =
    (await firstKept(tree, newestFirst(await around(checkpoints(query.untilMs + settledMs), query, isFar)))) ??
    (await firstKept(tree, newestFirst(await all())));
  if (end === undefined) throw noAccounts();
  const { began } = end.state;
  const { before, within, beyond } = await around(
    // The tree has no accounts before it began.
    checkpoints(Math.max(sinceMs, Date.parse(began.from))),
    query,
    (found) => found.within.length + found.beyond.length > 0,
  );
  const isWhole = (iso: string): boolean => Date.parse(iso) >= purgedBeforeMs + purgeMarginMs;
  const isOfTree = ({ checkpoint: { number, to } }: OwnCheckpoint): boolean =>
    number >= began.number && number < end.own.checkpoint.number && isWhole(to);
  const [oldest] = [...before, ...within, ...beyond];
  const isFirst = isWhole(began.from) && (oldest?.checkpoint.number ?? 0) <= began.number;
  // If neither a start nor the beginning of the tree is there, the oldest accounts that are kept must do.
  const candidates = before.filter(isOfTree).toReversed();
  const start =
    (await firstKept(tree, candidates)) ??
    (isFirst ? undefined : await firstKept(tree, (await all()).within.filter(isOfTree)));
  if (start === undefined && !isWhole(began.from)) throw noAccounts();
  return { start, end };
}

/** Checkpoints with a head before a period, within it and after it. Oldest first. */
interface Around {
  readonly before: OwnCheckpoint[];
  readonly within: OwnCheckpoint[];
  readonly beyond: OwnCheckpoint[];
}

async function around(
  checkpoints: AsyncIterable<OwnCheckpoint>,
  { sinceMs, untilMs }: ExtractQuery,
  isEnough: (found: Around) => boolean,
): Promise<Around> {
  const found: Around = { before: [], within: [], beyond: [] };
  for await (const own of checkpoints) {
    const head = headOf(own.checkpoint);
    if (head === undefined) continue;
    const toMs = Date.parse(head.to);
    (toMs + settledMs <= sinceMs ? found.before : toMs - settledMs < untilMs ? found.within : found.beyond).push(own);
    if (isEnough(found)) break;
  }
  return found;
}

/** First those after the period. */
const newestFirst = ({ before, within, beyond }: Around): OwnCheckpoint[] => [
  ...beyond,
  ...within.toReversed(),
  ...before.toReversed(),
];

const noAccounts = (): BrokerError =>
  new BrokerError(
    'request_invalid',
    'No signed checkpoint has accounts of tenants for this period. It is purged, or the first checkpoint is minutes away.',
  );

async function firstKept(tree: TenantTree, candidates: readonly OwnCheckpoint[]): Promise<Bound | undefined> {
  for (const own of candidates) {
    const state = await tree.state(own);
    if (state !== undefined) return { own, state, keyId: keyIdOf(own.checkpoint.tenants ?? '') };
  }
  return undefined;
}

async function recordPage(deps: ExtractDeps, query: ExtractQuery, place: Place): Promise<ExtractPage> {
  const found = await checkpointsAfter(deps, place);
  const due = found.slice(1).filter((own) => own !== undefined && own.checkpoint.number <= place.last).length;
  if (due > checkpointsPerPage) {
    const { later, isFound } = await laterPlace(deps, query, place);
    if (later.after > place.after)
      return isFound ? recordPage(deps, query, later) : { lines: [], continuation: textOfPlace(later) };
  }
  for (let size = Math.min(due, checkpointsPerPage); ; size = Math.floor(size / 2)) {
    const page = await pageOfSize(deps, query, { place, found, size });
    if (page !== undefined) return page;
  }
}

/**
 * Passes over the checkpoints that cover no record of the tenant, because it has none of their time: most tenants have records
 * in few hours of a month.
 */
async function laterPlace(
  deps: ExtractDeps,
  { tenant, untilMs }: ExtractQuery,
  place: Place,
): Promise<{ readonly later: Place; readonly isFound: boolean }> {
  let fromMs = place.afterMs - overlapMs;
  const endMs = Math.min(untilMs + settledMs, fromMs + longestSearchMs);
  // Twice as long each time, and half as long once there is one.
  let lengthMs = shortestSearchMs;
  for (let isFound = false; fromMs < endMs; ) {
    const toMs = Math.min(fromMs + lengthMs, endMs);
    if (await hasRecord(deps, tenant, fromMs, toMs)) {
      if (lengthMs <= shortestSearchMs) break;
      isFound = true;
    } else fromMs = toMs;
    lengthMs = isFound ? Math.max(lengthMs / 2, shortestSearchMs) : lengthMs * 2;
  }
  let later = place;
  for await (const { checkpoint } of deps.checkpoints(fromMs - settleMs)) {
    const { number, to } = checkpoint;
    if (number > place.last || Date.parse(to) + settleMs > fromMs) break;
    if (number > later.after && headOf(checkpoint) !== undefined)
      later = { ...place, after: number, afterMs: Date.parse(to) };
  }
  return { later, isFound: fromMs < endMs };
}

async function hasRecord({ read }: ExtractDeps, tenant: TenantId, fromMs: number, toMs: number): Promise<boolean> {
  if (tenant === nilUuid) return true;
  for await (const record of read(fromMs, toMs, tenant)) if (record['tenantId'] === tenant) return true;
  return false;
}

/** @returns undefined if it would have too much. A page of one checkpoint has all of them. */
async function pageOfSize(
  deps: ExtractDeps,
  { tenant, untilMs }: ExtractQuery,
  {
    place,
    found: [before, ...following],
    size,
  }: { readonly place: Place; readonly found: CheckpointsAfter; readonly size: number },
): Promise<ExtractPage | undefined> {
  const due = following.filter(({ checkpoint: { number } }) => number <= place.last).slice(0, checkpointsPerPage);
  // The accounts of a page's end must be there for the next page to begin with.
  const isEnd = ({ checkpoint }: OwnCheckpoint): boolean =>
    checkpoint.number === place.last || headOf(checkpoint) !== undefined;
  const at = due.findIndex((own, index) => index + 1 >= size && isEnd(own));
  const length = (at === -1 ? due.findLastIndex(isEnd) : at) + 1;
  const page = length === 0 ? due : due.slice(0, length);
  const end = page.at(-1);
  const isLast = end === undefined || end.checkpoint.number === place.last;
  const isNewest = isLast && following.length === page.length;
  const fromMs = Date.parse(page[0]?.checkpoint.from ?? isoTime(place.afterMs));
  const toMs = Date.parse(end?.checkpoint.to ?? isoTime(place.afterMs));
  const readToMs = isNewest ? Math.max(untilMs, toMs + settleMs) : toMs + settleMs;
  const records: { readonly record: StoredRecord; readonly seen: SeenRecord; readonly atMs: number }[] = [];
  for await (const record of deps.read(fromMs - overlapMs, readToMs, tenant === nilUuid ? undefined : tenant)) {
    const seen = seenRecord(record);
    const atMs = timeOfKeys(record.PartitionKey, record.RowKey) ?? 0;
    if (seen.holder === tenant) records.push({ record, seen, atMs });
    if (records.length > recordsPerPage && size > 1) return undefined;
  }
  records.sort((one, other) => isBefore(one.record.RowKey, other.record.RowKey));
  const known = new Set<SeenRecord>();
  const lines: ExtractLine[] = [];
  const hidden = new Set<unknown>();
  let cover = await startCover(deps, before, place);
  const covered = cover;
  for (const { checkpoint } of following.slice(0, page.length + lookAhead)) {
    const [next, isCovered] = nextCover(cover, checkpoint);
    cover = next;
    // It has read no others.
    const [startMs, endMs] = [Date.parse(checkpoint.from) - overlapMs, Date.parse(checkpoint.to) + settleMs];
    for (const { record, seen, atMs } of records) {
      if (atMs < startMs || atMs >= endMs || !isCovered(seen)) continue;
      known.add(seen);
      if (checkpoint.number > (end?.checkpoint.number ?? 0)) continue;
      const line = lineOf(deps, checkpoint.number, record, seen);
      if (line.type === 'withheld') hidden.add(record['changeSha256']);
      lines.push(line);
    }
  }
  const [judgedFromMs, judgedToMs] = [fromMs - overlapMs, isNewest ? untilMs : toMs - overlapMs];
  const unsigned = records.filter(({ record, seen, atMs }) => {
    const isOfPage = atMs > judgedFromMs && atMs <= judgedToMs && atMs < untilMs;
    return isOfPage && !known.has(seen) && !isCoveredBy(covered, seen) && deps.isWithheld?.(record) !== true;
  });
  for (const { record } of unsigned) lines.push({ type: 'unsigned', record: shown(record) });
  const named = lines.flatMap((line) => ('record' in line ? [line.record as StoredRecord] : []));
  if (named.length > 0) lines.unshift(...(await nameLines(deps, named)));
  const changes = await changeLines(deps, named, { hidden, most: size > 1 ? charactersPerPage : Infinity });
  if (changes === undefined) return undefined;
  lines.push(...changes);
  const count = (type: ExtractLine['type']): number => lines.filter((line) => line.type === type).length;
  const [signed, withheld, others] = place.counts;
  const counts = [signed + count('record'), withheld + count('withheld'), others + unsigned.length] as const;
  if (!isLast)
    return {
      lines,
      continuation: textOfPlace({
        ...place,
        after: end.checkpoint.number,
        afterMs: Date.parse(end.checkpoint.to),
        counts,
      }),
    };
  return { lines: [...lines, { type: 'end', records: counts[0], withheld: counts[1], unsigned: counts[2] }] };
}

/** The checkpoint after which a page begins, and those that it needs. The first is undefined if there is none before. */
type CheckpointsAfter = [OwnCheckpoint | undefined, ...OwnCheckpoint[]];

async function checkpointsAfter(
  { checkpoints }: ExtractDeps,
  { after, afterMs, last }: Place,
): Promise<CheckpointsAfter> {
  const found: CheckpointsAfter = [undefined];
  for await (const own of checkpoints(afterMs)) {
    const { number } = own.checkpoint;
    if (number === after) found[0] = own;
    else if (number > after) found.push(own);
    if (found.length > checkpointsPerPage + lookAhead || number > last + lookAhead) break;
  }
  return found;
}

async function startCover({ tree }: ExtractDeps, before: OwnCheckpoint | undefined, { after }: Place): Promise<Cover> {
  if (before === undefined && after > 0)
    throw new BrokerError('storage_unavailable', `The checkpoint ${after} of the audit log could not be found.`);
  return before === undefined ? coverOf(undefined) : tree.cover(before);
}

function lineOf({ isWithheld }: ExtractDeps, checkpoint: number, record: StoredRecord, seen: SeenRecord): ExtractLine {
  return isWithheld?.(record) === true
    ? { type: 'withheld', checkpoint, hash: Buffer.from(seen.hash).toString('base64url') }
    : { type: 'record', checkpoint, record: shown(record) };
}

async function nameLines({ names }: ExtractDeps, records: readonly StoredRecord[]): Promise<ExtractLine[]> {
  const known = (await names?.(records)) ?? new Map<string, string>();
  return [...known].map(([id, name]) => ({ type: 'name', id, name: name.slice(0, longestName).toWellFormed() }));
}

/** @param hidden changes of which a record is withheld. @returns undefined if they have too many characters. */
async function changeLines(
  { changes }: ExtractDeps,
  records: readonly StoredRecord[],
  { hidden, most }: { readonly hidden: ReadonlySet<unknown>; readonly most: number },
): Promise<ExtractLine[] | undefined> {
  const named = records.filter((record) => typeof record['changeSha256'] === 'string');
  if (named.length === 0) return [];
  const rows: PlanRows | undefined = changes === undefined ? new Map() : await changes(named, most);
  if (rows === undefined) return undefined;
  return [...new Set(named.map((record) => String(record['changeSha256'])))].map((sha256) => {
    const found = hidden.has(sha256) ? { missing: 'withheld' as const } : (rows.get(sha256) ?? { missing: 'gone' });
    return { type: 'change', sha256, ...(typeof found === 'string' ? { row: found } : found) };
  });
}

const shown = (record: StoredRecord): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(record)
      .filter(([name]) => !hiddenColumns.has(name))
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
