import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
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

/** The newest of records that differ only in what is {@link ofOne}, with all of these. */
export interface Line extends ShownRecord {
  readonly equal?: readonly ShownRecord[];
  /** One of these, below their line. */
  readonly isPart?: true;
}

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

export const isOfApply = ({ plan, kind }: AuditRecord): boolean => plan !== undefined && kind === 'request';

/** Equal records that follow each other are one line, and so are those that alternate with a few others within a minute. */
const [nearLines, nearMs] = [8, 60_000];

/** Equal records in one line, such as the tokens of a run for two resources in two lines. @param records the newest first. */
export function folded(records: readonly ShownRecord[]): readonly Line[] {
  const lines: { readonly key: string; readonly equal: ShownRecord[] }[] = [];
  for (const record of records) {
    const left = isOfApply(record) ? ofOneChange : ofOne;
    const key = localDay(record.at) + JSON.stringify(record, (name, value) => (left.has(name) ? undefined : value));
    const last = lines.slice(-nearLines).findLast((line) => line.key === key);
    const pauseMs = Date.parse(last?.equal.at(-1)?.at ?? '') - Date.parse(record.at);
    if (last !== undefined && (last === lines.at(-1) || pauseMs < nearMs)) last.equal.push(record);
    else lines.push({ key, equal: [record] });
  }
  return lines.flatMap(({ equal }) =>
    equal.length === 1 ? equal : equal.slice(0, 1).map((one) => ({ ...one, path: pathOf(equal), equal })),
  );
}

/** The path of all, without keys if these differ. */
const pathOf = ([one, ...others]: readonly ShownRecord[]): string | undefined =>
  others.every(({ path }) => path === one?.path) ? one?.path : one?.template;
