import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
import { nilUuid } from '../../src/lib/core/identifiers.ts';
import { localDay } from './format.ts';

export type AuditRecord = AuditAnswer['entries'][number];

export interface ShownRecord extends AuditRecord {
  /** If the record is that of the answer to a request: it, and the one from before the request, as they are stored. */
  readonly both?: readonly [answered: AuditRecord, sent: AuditRecord];
}

/** Records with one for each request: that of its answer, with what the record from before the request says. */
export function oneARequest(records: readonly AuditRecord[]): readonly ShownRecord[] {
  const sent = new Map(records.flatMap((record) => (record.outcome === 'sent' ? [[record.tokenId, record]] : [])));
  const answered = new Set(records.flatMap(({ outcome, tokenId }) => (outcome === 'answered' ? [tokenId] : [])));
  return records.flatMap((record): ShownRecord[] => {
    if (record.outcome === 'sent') return answered.has(record.tokenId) ? [] : [record];
    const before = record.outcome === 'answered' ? sent.get(record.tokenId) : undefined;
    return [before === undefined ? record : { ...before, ...record, both: [record, before] }];
  });
}

/** The newest of records that are told in one line, with all of these. */
export interface Line extends ShownRecord {
  readonly equal?: readonly ShownRecord[];
  /** What it opens to: these records, or the lines of a run. */
  readonly parts?: readonly Line[];
  /** Whether older records, which are not loaded yet, may be of it: then its numbers are the least. */
  readonly goesOn?: boolean;
  /** Lines that it is below. */
  readonly depth?: number;
}

/** `25`, or `25+` if older records of the line may follow. */
export const atLeast = (n: number, { goesOn }: Line): string =>
  `${n.toLocaleString('en')}${goesOn === true ? '+' : ''}`;

/** What a record has for itself, also if another one tells the same. */
const ofOne: ReadonlySet<string> = new Set(
  'at tenantId tenantAsked tokenId uti requestId correlationId expiresAt fromCache tokenFingerprint bytes both'.split(
    ' ',
  ),
);

/** What requests of one apply may have for themselves: they are one line, with what became of how many. */
const ofOneChange: ReadonlySet<string> = new Set([
  ...ofOne,
  'outcome',
  'status',
  'code',
  'path',
  'bodySha256',
  'changeSha256',
]);

const isOfApply = ({ plan, kind }: AuditRecord): boolean => plan !== undefined && kind === 'request';

/** Equal records that follow each other are one line, and so are those that alternate with a few others within a minute. */
const [nearLines, nearMs] = [8, 60_000];
/** The tokens of a run may wait for an API that throttles. The next run of the job is later. */
const runMs = 5 * 60_000;

const isOfRun = ({ rule = '', kind, caller }: AuditRecord): boolean =>
  kind === undefined && rule.startsWith('job:') && caller.applicationId === nilUuid;

/**
 * The records of a run of a job in one line, which opens to lines of equal ones, and other equal records in one line, such as
 * the requests of an apply.
 * @param records the newest first.
 * @param hasMore whether there are older records than these.
 * @param areOfRun whether these are all of one run.
 */
export function folded(records: readonly ShownRecord[], hasMore = false, areOfRun = false): readonly Line[] {
  const lines: { readonly key: string; readonly equal: ShownRecord[]; readonly isRun: boolean }[] = [];
  for (const record of records) {
    const isRun = !areOfRun && isOfRun(record);
    const left = isOfApply(record) ? ofOneChange : ofOne;
    const own = isRun ? record.rule : JSON.stringify(record, (name, value) => (left.has(name) ? undefined : value));
    const key = `${localDay(record.at)}${own}`;
    const last = lines.slice(-nearLines).findLast((line) => line.key === key);
    const pauseMs = Date.parse(last?.equal.at(-1)?.at ?? '') - Date.parse(record.at);
    if (last !== undefined && (isRun ? pauseMs < runMs : last === lines.at(-1) || pauseMs < nearMs))
      last.equal.push(record);
    else lines.push({ key, equal: [record], isRun });
  }
  const endMs = Date.parse(records.at(-1)?.at ?? '');
  return lines.flatMap(({ equal, isRun }): readonly Line[] => {
    const [one] = equal;
    if (one === undefined || equal.length === 1) return equal;
    const goesOn = hasMore && Date.parse(equal.at(-1)?.at ?? '') - endMs < runMs;
    const parts = isRun ? folded(equal, false, true) : equal;
    const [part] = parts;
    if (part !== undefined && parts.length === 1) return [{ ...part, goesOn }];
    const more = isRun ? { resource: resourcesOf(equal) } : { path: pathOf(equal) };
    return [{ ...one, ...more, equal, parts, goesOn }];
  });
}

/** The path with `{id}` in place of each key. */
export const pathWithoutIds = ({ template, path }: AuditRecord): string | undefined =>
  template?.replaceAll('*', '{id}') ?? path;

/** The path of all, without keys if these differ. */
const pathOf = ([one, ...others]: readonly ShownRecord[]): string | undefined =>
  others.every(({ path }) => path === one?.path) || one === undefined ? one?.path : pathWithoutIds(one);

const resourcesOf = (records: readonly ShownRecord[]): string =>
  [...new Set(records.flatMap(({ resource }) => resource ?? []))].toSorted().join(', ');
