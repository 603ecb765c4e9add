import { type AuditFilter, auditLink } from './view-filter.ts';
import { type AuditRecord, oneARequest, pathWithoutIds } from './audit-lines.ts';
import { type AuditPages, largePageSize, readRecords } from './audit-pages.ts';
import { type Names, tenantOf } from './audit-names.ts';
import { subjectOf } from './audit-record.tsx';
import { count, localClock, localDay } from './format.ts';
import { Time } from './pieces.tsx';
import { useNarrow } from './virtual-rows.tsx';
import { readPages } from './paging.ts';
import type { Api } from './api.ts';
import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
import { FailureBars, Keys } from './charts.tsx';
import { isFailed, isRefusedByMicrosoft, isRefusedByPolicy } from '../../src/lib/api/refusals.ts';

interface RefusedProps {
  readonly period: Period | undefined;
  readonly names: Names;
  /** What the list has, for links to what was refused of it. Absent: no links. */
  readonly filter?: AuditFilter;
}

/** Who was refused what most often in a period, or else who last. */
export function Refused({ filter, period, names }: RefusedProps) {
  if (period?.refused === undefined) return null;
  const {
    all: { byPolicy },
    refused: { last, most, times },
  } = period;
  const linked = (text: string, more: AuditFilter = {}) =>
    filter === undefined ? text : <a href={auditLink({ ...filter, outcome: 'policy', ...more })}>{text}</a>;
  const n = byPolicy.toLocaleString('en');
  const isOften = times > 1;
  const one = isOften ? most : last;
  const which = isOften
    ? times < byPolicy
      ? `${times.toLocaleString('en')} of the ${n}`
      : n === '2'
        ? 'Both'
        : `All ${n}`
    : byPolicy === 1
      ? 'It'
      : `The last of the ${n}`;
  const { kind, name } = names.whoIn(one);
  const tenant = tenantOf(last, names);
  return (
    <>
      {/* All people use the same few applications. */}
      {linked(which)} came from {kind === 'application' ? linked(name, { caller: one.caller.applicationId }) : name},
      asking for {askedFor(one)}
      {keyOfRefused(one) === keyOfRefused(last) ? (
        <>
          {isOften ? ', the last' : ','} on <Time iso={last.at} short />
          {tenant === '' ? '' : ` in ${tenant}`}
        </>
      ) : null}
      .
    </>
  );
}

/** The same caller asked for the same. */
const keyOfRefused = (record: AuditRecord): string => JSON.stringify([record.caller, askedFor(record)]);

/** What a caller asked for in vain. */
function askedFor(record: AuditRecord): string {
  const { kind, scopes, route } = record;
  // Those of a request are what the rule needs for it.
  if (kind === undefined && scopes.length > 0) return scopes.join(', ');
  const subject = subjectOf({ ...record, path: pathWithoutIds(record) });
  return kind === undefined && route === undefined ? `a token for ${subject}` : subject;
}

/** Pages of 1,000 records of a period that are read: a busy broker has more in a day. */
const periodPages = 4;
/** Lengths of the parts of a period, in minutes, and how many parts are shown at most. */
const [partMinutes, mostParts] = [[10, 20, 60, 180, 360], 90] as const;
const dayMinutes = 1440;

/** How many there are, of which a request and its answer are one. */
export interface Tallied {
  readonly entries: number;
  readonly failed: number;
  readonly tokens: number;
  /** Requests that a resource answered, and neither refused nor failed. */
  readonly served: number;
  /** Refused by the policy, and by Microsoft. */
  readonly byPolicy: number;
  readonly byMicrosoft: number;
}

const isServed = (record: AuditRecord): boolean =>
  record.outcome === 'answered' && !isRefusedByMicrosoft(record) && !isFailed(record);

export function talliedOf(entries: readonly AuditRecord[]): Tallied {
  const byPolicy = entries.filter(isRefusedByPolicy).length;
  const byMicrosoft = entries.filter(isRefusedByMicrosoft).length;
  return {
    entries: entries.length,
    failed: entries.filter(isFailed).length,
    tokens: entries.filter(({ outcome }) => outcome === 'issued').length,
    served: entries.filter(isServed).length,
    byPolicy,
    byMicrosoft,
  };
}

/** What was not served, in words. */
export const othersIn = (tallied: Partial<Pick<Tallied, 'byPolicy' | 'byMicrosoft' | 'failed'>>): readonly string[] =>
  Object.entries({
    'refused by the policy': tallied.byPolicy,
    'refused by Microsoft': tallied.byMicrosoft,
    failed: tallied.failed,
  }).flatMap(([how, n = 0]) => (n === 0 ? [] : `${n.toLocaleString('en')} ${how}`));

/** What is shown of a period. The session keeps it, without the thousands of records. */
export interface Period {
  readonly all: Tallied;
  readonly isAll: boolean;
  /** Minutes of a part. */
  readonly step: number;
  readonly callerNames: AuditPages['callerNames'];
  /** What the policy refused last, and what it refused to one caller most often. */
  readonly refused?: { readonly last: AuditRecord; readonly most: AuditRecord; readonly times: number };
  /** Its parts of equal length in the reader's zone of which every record was read, from the oldest one on. Unix times in milliseconds. */
  readonly parts: readonly (Tallied & { readonly startMs: number; readonly endMs: number })[];
}

/** Reads what happened in a period, as far as a few large pages have it. */
export async function readPeriod(
  api: Api,
  filter: AuditFilter,
  range: NonNullable<AuditPages['range']>,
): Promise<Period> {
  const pages = await readPages<AuditAnswer>({
    read: (continuation) => readRecords(api, filter, { ...range, limit: String(largePageSize), continuation }),
    isEnough: () => false,
    most: periodPages,
  });
  const records = oneARequest(pages.flatMap(({ entries }) => entries));
  const isAll = pages.at(-1)?.continuation === undefined;
  const endMs = Math.min(Date.parse(range.to), Date.now());
  const lengthMinutes = (Date.parse(range.to) - Date.parse(range.from)) / 60_000;
  const step = partMinutes.find((minutes) => lengthMinutes / minutes <= mostParts) ?? dayMinutes;
  const start = new Date(records.at(-1)?.at ?? range.from);
  const minute = 60 * start.getHours() + start.getMinutes();
  start.setHours(0, minute - (minute % step), 0, 0);
  const startsMs = [start.getTime()];
  while (start.getTime() < endMs) {
    start.setMinutes(start.getMinutes() + step);
    startsMs.push(start.getTime());
  }
  const byPart = Map.groupBy(records, ({ at }) => startsMs.findLast((startMs) => startMs <= Date.parse(at)));
  const parts = startsMs.slice(0, -1).map((startMs, at) => ({
    // No more than was asked for.
    startMs: Math.max(startMs, Date.parse(range.from)),
    endMs: Math.min(startsMs[at + 1] ?? 0, filter.to === undefined ? Infinity : Date.parse(range.to)),
    ...talliedOf(byPart.get(startMs) ?? []),
  }));
  const refused = records.filter(isRefusedByPolicy);
  const [last] = refused;
  const alike = Map.groupBy(refused, keyOfRefused);
  const [[most, ...others] = []] = [...alike.values()].toSorted((one, other) => other.length - one.length);
  return {
    callerNames: Object.assign({}, ...pages.map(({ callerNames }) => callerNames)) as Period['callerNames'],
    all: talliedOf(records),
    isAll,
    step,
    ...(last && most && { refused: { last, most, times: others.length + 1 } }),
    parts: isAll ? parts : parts.slice(1),
  };
}

const isMidnight = (ms: number): boolean => new Date(ms).setHours(0, 0, 0, 0) === ms;

/** How much each part of a period has, and how much of it was refused or failed. */
export function PeriodBars({
  filter,
  period: { all, parts, step },
}: {
  readonly filter: AuditFilter;
  readonly period: Period;
}) {
  // On a phone the records come first.
  if (useNarrow() || parts.length < 2 || all.entries === 0) return null;
  const word = (ms = 0): string => {
    const iso = new Date(ms).toISOString();
    return !isMidnight(ms) ? `${localDay(iso)}, ${localClock(iso, false)}` : localDay(iso);
  };
  const endMs = parts.at(-1)?.endMs ?? 0;
  const length = step === dayMinutes ? 'day' : step < 60 ? count(step, 'minute') : count(step / 60, 'hour');
  const unserved = all.byMicrosoft === 0 ? 'failed' : 'failed or refused by Microsoft';
  const keys = (
    <span class="keys">
      Entries by {length}:{' '}
      <Keys of={Object.entries({ succeeded: 'served', notAttempted: unserved, failed: 'refused by the policy' })} />
    </span>
  );
  return (
    <FailureBars
      label="Entries over the period, those refused by the policy in red"
      ends={[word(parts[0]?.startMs), keys, endMs >= Date.now() ? 'now' : word(endMs)]}
      areAllNow
      bars={parts.map(({ startMs, endMs, entries, failed, byPolicy, byMicrosoft }, at) => {
        const [from, to] = [startMs, endMs].map((ms) => new Date(ms).toISOString());
        return {
          key: String(startMs),
          title: `${word(startMs)}: ${[count(entries, 'entry'), ...othersIn({ byPolicy, byMicrosoft, failed })].join(', ')}`,
          value: byPolicy,
          between: failed + byMicrosoft,
          others: entries - failed - byMicrosoft - byPolicy,
          // If each part is a day, there are too many. A day that has just begun has no room.
          day: step < dayMinutes && isMidnight(startMs) && at < parts.length - 2 ? localDay(from ?? '') : undefined,
          href: auditLink({ ...filter, from, to }),
        };
      })}
    />
  );
}
