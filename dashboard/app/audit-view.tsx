import { type AuditFilter, auditLink } from './view-filter.ts';
import { type AuditPages, periodOf, useAuditPages } from './audit-pages.ts';
import { AuditTable, useNames } from './audit-table.tsx';
import { useSignedIn } from './context.ts';
import { Icon } from './icon.tsx';
import { count, localDay, relative } from './format.ts';
import { Empty, Fact, Failure, Head, Loading, MoreButton, Panel, Time, ToneBadge } from './pieces.tsx';
import { forRole } from './role-needed.tsx';
import { readPages } from './paging.ts';
import { usePolling } from './polling.ts';
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { auditKinds, auditOutcomes } from '../../src/lib/audit/audit-log.ts';
import { Check, Choice, Field } from './choice.tsx';
import { goTo } from './route.ts';
import type { Api } from './api.ts';
import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
import { FailureBars } from './charts.tsx';
import { Command } from './copy.tsx';
import { Paragraphs } from '../shared/text.tsx';

export const AuditView = forRole(['Audit.Read'], 'Audit', Records);

function Records({ filter }: { readonly filter: AuditFilter }) {
  const pages = useAuditPages(filter);
  const names = useNames(pages.callerNames);
  const { records, range, busy, failure } = pages;
  // A filter that the broker refuses is asked once.
  const answered = useRef(filter);
  if (!busy && failure === undefined) answered.current = filter;
  return (
    <>
      <Head title={headline(pages)} name="Audit" lede={range && <Period range={range} />}>
        <button type="button" aria-disabled={busy} onClick={busy ? undefined : pages.reload}>
          <Icon name="again" /> Reload
        </button>
      </Head>
      <AuditFilters filter={filter}>
        <span role="status">{busy ? 'Loading…' : countText(pages)}</span>
      </AuditFilters>
      <Failure failure={failure} />
      <div class="cols">
        {range === undefined || failure !== undefined ? null : <Days filter={answered.current} />}
        <Proof />
      </div>
      <div aria-busy={busy}>
        {range === undefined && failure === undefined ? <Loading /> : null}
        {records.length === 0 ? (
          range === undefined || busy ? null : (
            <Empty title="No record matches in this period." />
          )
        ) : (
          <AuditTable records={records} filter={filter} names={names} />
        )}
      </div>
      <More pages={pages} />
    </>
  );
}

/** How much of what was read was denied. */
function headline({ records, loadMore }: AuditPages): string {
  if (records.length === 0) return 'Audit';
  const denied = records.filter(({ outcome }) => outcome === 'denied').length;
  const all = `${count(records.length, 'record')}${loadMore === undefined ? '' : ' so far'}`;
  return `${all}, ${denied === 0 ? 'none' : denied.toLocaleString('en')} denied`;
}

const Period = ({ range }: { readonly range: NonNullable<AuditPages['range']> }) => (
  <>
    From <Time iso={range.from} exact /> to <Time iso={range.to} exact />, newest first.
  </>
);

const daysShown = 30;
/** Pages of 1,000 records that the days are counted from: a busy broker has more in a day. */
const dayPages = 4;

interface Day {
  /** Midnight in the reader's zone. */
  readonly startMs: number;
  denied: number;
  others: number;
}

/** The records of each day that was read as a whole, oldest first. */
async function readDays(api: Api, filter: AuditFilter, nowMs: number): Promise<readonly Day[]> {
  const first = new Date(nowMs).setHours(0, 0, 0, 0);
  const days = Array.from({ length: daysShown }, (_, at): Day => {
    const startMs = new Date(first).setDate(new Date(first).getDate() - (daysShown - 1 - at));
    return { startMs, denied: 0, others: 0 };
  });
  const query = { ...filter, from: new Date(days[0]?.startMs ?? 0).toISOString(), limit: '1000' };
  const pages = await readPages<AuditAnswer>({
    read: (continuation, first) => api.audit({ ...query, ...periodOf(first), continuation }),
    isEnough: () => false,
    most: dayPages,
  });
  let readMs = nowMs;
  for (const { at, outcome } of pages.flatMap(({ entries }) => entries)) {
    readMs = Date.parse(at);
    const day = days.findLast(({ startMs }) => startMs <= readMs);
    if (day !== undefined) day[outcome === 'denied' ? 'denied' : 'others'] += 1;
  }
  return pages.at(-1)?.continuation === undefined ? days : days.filter(({ startMs }) => startMs > readMs);
}

/** How many records each of the last days has, and how many of them say that something was denied. */
function Days({ filter }: { readonly filter: AuditFilter }) {
  const { api } = useSignedIn();
  const { from: _, to: __, ...who } = filter;
  const days = usePolling(() => readDays(api, who, Date.now()), `days of ${auditLink(who)}`, undefined).value ?? [];
  const known = days.slice(
    Math.max(
      0,
      days.findIndex(({ denied, others }) => denied + others > 0),
    ),
  );
  if (known.length < 2) return null;
  const day = (ms: number): string => localDay(new Date(ms).toISOString());
  const denied = known.reduce((sum, each) => sum + each.denied, 0);
  return (
    <Panel title="Records by day" more={<span class="small">{denied.toLocaleString('en')} denied, in red</span>}>
      <FailureBars
        label={`Records in each of ${count(known.length, 'day')}, ${denied.toLocaleString('en')} of them denied`}
        ends={[day(known[0]?.startMs ?? 0), 'today']}
        bars={known.map(({ startMs, denied: value, others }) => ({
          key: String(startMs),
          title: `${day(startMs)}: ${count(value + others, 'record')}, ${value} denied`,
          value,
          others,
          href: auditLink({
            ...who,
            from: new Date(startMs).toISOString(),
            to: new Date(new Date(startMs).setDate(new Date(startMs).getDate() + 1)).toISOString(),
          }),
        }))}
      />
    </Panel>
  );
}

const proofWords = {
  current: ['good', 'signed'],
  none: ['idle', 'not signed yet'],
  off: ['warn', 'not signed: the timer is disabled'],
  late: ['bad', 'not signed lately'],
} as const;

/** Up to when the order of the records is signed, and how to have it proven. */
function Proof() {
  const { api } = useSignedIn();
  const health = usePolling(api.health, 'health', undefined).value;
  if (health === undefined || !('applications' in health)) return null;
  const { state = 'none', lastAt, problem } = health.auditCheckpoints;
  const [tone, word] = proofWords[state];
  return (
    <Panel title="Proof" more={<ToneBadge tone={tone}>{word}</ToneBadge>}>
      <dl>
        <Fact name="Last checkpoint">
          {lastAt && (
            <>
              <Time iso={lastAt} short /> <span class="quiet">{relative(lastAt, Date.now())}</span>
            </>
          )}
        </Fact>
      </dl>
      <Paragraphs
        text={problem ?? 'A checkpoint signs the order of all records before it. This proves that none is missing:'}
      />
      <Command text="ptb audit verify" />
    </Panel>
  );
}

function countText({ records, loadMore, failure }: AuditPages): string {
  if (failure !== undefined) return '';
  const loaded = count(records.length, 'record');
  if (loadMore !== undefined) return `${loaded} so far`;
  return records.length === 0 ? 'No records' : `${loaded} in total`;
}

function More({ pages: { loadMore, busy, records } }: { readonly pages: AuditPages }) {
  return (
    <MoreButton
      text={records.length === 0 ? 'Look further back' : 'Show more'}
      busy={busy}
      onMore={loadMore}
      end={records.length === 0 ? undefined : 'There are no older records in this period.'}
    />
  );
}

const dayMs = 24 * 60 * 60 * 1000;

type Fields = Readonly<Partial<Record<keyof AuditFilter, string | undefined>>>;

/** Form for the filter. The filter takes effect when the form is submitted, not while the user types. */
export function AuditFilters(props: { readonly filter: AuditFilter; readonly children?: ComponentChildren }) {
  const { filter, children } = props;
  const link = auditLink(filter);
  // The input belongs to one address: links in the table and the browser's back button change the address, and then the
  // form shows the new filter.
  const [input, setInput] = useState<{ readonly link: string; readonly fields: Fields }>();
  if (input !== undefined && input.link !== link) setInput(undefined);
  const fieldsNow = (current = input): Fields =>
    current?.link === link ? current.fields : { ...filter, from: inputTime(filter.from), to: inputTime(filter.to) };
  const fields = fieldsNow();
  /** What a field shows, and how it changes. */
  const field = (name: keyof AuditFilter) => ({
    value: fields[name] ?? '',
    onInput: (value: string): void =>
      setInput((current) => ({ link, fields: { ...fieldsNow(current), [name]: value } })),
  });
  const choice = (name: 'kind' | 'outcome') => ({ value: field(name).value, onChoose: field(name).onInput });
  const show = (event: Event): void => {
    event.preventDefault();
    const trimmed = Object.fromEntries(Object.entries(fields).map(([name, value = '']) => [name, value.trim()]));
    goTo(auditLink({ ...trimmed, from: isoTime(fields.from, filter.from), to: isoTime(fields.to, filter.to) }));
  };
  const { to: _, ...untilNow } = filter;
  const since = (days: number): string =>
    auditLink({ ...untilNow, from: new Date(Date.now() - days * dayMs).toISOString() });
  return (
    <form class="filters" aria-label="Filter" onSubmit={show}>
      <Field label="Tenant" placeholder="id or domain" {...field('tenant')} />
      <Field label="Caller" placeholder="application id" {...field('caller')} />
      <Choice label="Kind" options={auditKinds} {...choice('kind')} />
      <Choice label="Outcome" options={auditOutcomes} {...choice('outcome')} />
      <details open={filter.approval !== undefined || filter.to !== undefined}>
        <summary class="btn">More</summary>
        <div class="filters">
          <Field label="Approval" placeholder="id" {...field('approval')} />
          <Field label="From" type="datetime-local" {...field('from')} />
          <Field label="To" type="datetime-local" {...field('to')} />
          <Check
            label="Only break-glass"
            checked={field('breakGlass').value !== ''}
            onChange={(checked) => field('breakGlass').onInput(checked ? 'true' : '')}
          />
        </div>
      </details>
      <button type="submit">Show</button>
      <a href={since(7)}>Last 7 days</a>
      <a href={since(30)}>Last 30 days</a>
      {link === auditLink({}) ? null : <a href={auditLink({})}>Clear filter</a>}
      {children}
    </form>
  );
}

/** The value of a `datetime-local` input: local time to the minute. Empty for an invalid time. */
function inputTime(iso: string | undefined): string {
  const atMs = Date.parse(iso ?? '');
  if (Number.isNaN(atMs)) return '';
  return new Date(atMs - new Date(atMs).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The input as ISO 8601. An unchanged input keeps the seconds of `previous`, which the input cannot show. */
function isoTime(input = '', previous: string | undefined): string {
  if (input === '') return '';
  return input === inputTime(previous) ? (previous ?? '') : new Date(input).toISOString();
}
