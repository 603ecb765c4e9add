import { type AuditFilter, auditLink } from './view-filter.ts';
import { type AuditRecord, oneARequest, type ShownRecord } from './audit-lines.ts';
import { type AuditPages, useAuditPages, useWholePeriod } from './audit-pages.ts';
import { type Period, othersIn, PeriodBars, readPeriod, Refused, talliedOf } from './audit-period.tsx';
import { type Names, tenantOf, useNames } from './audit-names.ts';
import { subjectOf } from './audit-record.tsx';
import { AuditTable } from './audit-table.tsx';
import { Icon } from './icon.tsx';
import { count, countOf, numbersKept } from './format.ts';
import { Empty, Failure, Head, Loading, MoreButton, Time, ToneBadge } from './pieces.tsx';
import { forRole } from './role-needed.tsx';
import { usePolling } from './polling.ts';
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { auditKinds, auditOutcomes } from '../../src/lib/audit/audit-log.ts';
import { Check, Choice, Field, Search, withChosen } from './choice.tsx';
import { Folded } from './folded.tsx';
import { saveFile } from './save-file.ts';
import { goTo } from './route.ts';
import type { Api } from './api.ts';
import { Command } from './copy.tsx';
import { Dialog, DialogButton } from './dialog.tsx';
import { titleOf } from '../../src/lib/api/trouble.ts';
import { capitalized } from '../../src/lib/core/text.ts';

export const AuditView = forRole(['Audit.Read'], 'Audit', Records);

function Records({ filter }: { readonly filter: AuditFilter }) {
  const pages = useAuditPages(filter);
  const { range, busy, isStale, failure } = pages;
  const asked = isStale ? undefined : range;
  const load = async (api: Api) => asked && readPeriod(api, filter, asked);
  const period = usePolling(load, `audit period ${auditLink(filter)} ${asked?.to}`).value;
  const [text, setText] = useState('');
  const isSearching = text.trim() !== '';
  const whole = useWholePeriod(filter, asked, isSearching);
  const { records, callerNames, loadMore } = isSearching && whole.isRead ? whole : pages;
  const names = useNames(useMemo(() => ({ ...period?.callerNames, ...callerNames }), [period, callerNames]));
  // A text may be that of one of the two records of a request: their line has both.
  const lines = useMemo(() => oneARequest(records), [records]);
  const found = useMemo(() => searched(lines, text, names), [lines, text, names]);
  const foundRecords = found.flatMap((line): readonly AuditRecord[] => line.both ?? [line]);
  return (
    <>
      <Head
        title={numbersKept(headline({ filter, lines, hasMore: pages.loadMore !== undefined, period }))}
        name="Audit"
        lede={range && <Lede filter={filter} range={range} period={period} names={names} />}
        about={<Proof />}
      >
        <Folded name="More actions">
          <DialogButton dialog={(onClose) => <Export range={range} records={foundRecords} onClose={onClose} />}>
            <Icon name="download" /> Export and verify…
          </DialogButton>
        </Folded>
      </Head>
      <AuditFilters filter={filter} text={text} onText={setText}>
        <span role="status">
          {busy
            ? 'Loading…'
            : !isSearching
              ? countText(pages, lines)
              : whole.busy
                ? 'Searching…'
                : `${countOf(found.length, lines.length, 'entry')}${loadMore === undefined ? '' : ' so far'}`}
        </span>
        <button
          type="button"
          class="bare s"
          aria-label="Reload"
          title="Reload"
          aria-disabled={busy}
          onClick={busy ? undefined : pages.reload}
        >
          <Icon name="again" />
        </button>
      </AuditFilters>
      <Failure failure={failure ?? (isSearching ? whole.failure : undefined)} />
      {period === undefined ? null : <PeriodBars filter={filter} period={period} />}
      <div aria-busy={busy}>
        {range === undefined && failure === undefined ? <Loading /> : null}
        {found.length === 0 ? (
          range === undefined || busy || (isSearching && whole.busy) ? null : (
            <Empty title={emptyText(isSearching, loadMore !== undefined)} />
          )
        ) : (
          <AuditTable
            records={found.slice(0, isSearching ? foundShown : undefined)}
            filter={filter}
            isSearching={isSearching}
            hasMore={loadMore !== undefined || (isSearching && found.length > foundShown)}
            names={names}
          />
        )}
        {isSearching && found.length > foundShown ? (
          <p class="quiet">The newest {foundShown} are shown; the export has all that were found.</p>
        ) : null}
      </div>
      <MoreButton
        text={records.length === 0 || isSearching ? 'Look further back' : 'Show more'}
        busy={busy || whole.busy}
        onMore={loadMore}
        end={records.length === 0 ? undefined : 'There are no older records in this period.'}
      />
    </>
  );
}

/** Rows of a table that a search fills. */
const foundShown = 500;

function emptyText(isSearching: boolean, hasMore: boolean): string {
  if (hasMore) return 'None of the newest records matches.';
  return isSearching ? 'No record of this period has this text.' : 'No record matches in this period.';
}

/** The records that have a text in who, tenant, rule or what, as the table shows them. */
function searched(records: readonly ShownRecord[], text: string, names: Names): readonly ShownRecord[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return records;
  return records.filter((record) =>
    [
      names.whoIn(record).name,
      tenantOf(record, names),
      record.rule,
      subjectOf(record),
      record.code && titleOf(record.code),
    ]
      .join(' ')
      .toLowerCase()
      .includes(wanted),
  );
}

interface ExportProps {
  readonly range: AuditPages['range'];
  readonly records: readonly AuditRecord[];
  readonly onClose: () => void;
}

/** How to check that no record is missing or changed, for oneself and for others, and what is shown as a file. */
function Export({ range, records, onClose }: ExportProps) {
  const [days, period] =
    range === undefined
      ? ['', '']
      : [`-${range.from.slice(0, 10)}-${range.to.slice(0, 10)}`, ` --from ${range.from} --to ${range.to}`];
  const save = (): void => {
    saveFile(new Blob(records.map((record) => `${JSON.stringify(record)}\n`)), `audit${days}.jsonl`);
    onClose();
  };
  return (
    <Dialog title="Export and verify" onClose={onClose}>
      <p>The broker signs the order of its records. This checks that none of the period is missing or changed:</p>
      <Command text={`ptb audit verify${period}`} />
      <p>For an auditor, who needs no access to the broker, export them with their proof, and check the file:</p>
      <Command text={`ptb audit export --output audit.jsonl${period}`} />
      <Command text="ptb audit verify audit.jsonl" />
      <p>
        For a customer, open its page and choose <b>Signed extract…</b>
      </p>
      <p>
        <button type="button" onClick={save}>
          <Icon name="download" /> Download the {count(records.length, 'record')} read so far, without proof
        </button>
      </p>
    </Dialog>
  );
}

interface HeadlineProps {
  readonly filter: AuditFilter;
  readonly lines: readonly ShownRecord[];
  readonly hasMore: boolean;
  readonly period: Period | undefined;
}

/** How much was recorded, and the worst of it: in the period, or until that is read, on the page. */
function headline({ filter, lines, hasMore, period }: HeadlineProps): string {
  // A period that is read in part may have its first record after that part.
  const isRead = period !== undefined && period.all.entries > 0;
  const tallied = isRead ? period.all : talliedOf(lines);
  const { entries, byPolicy, byMicrosoft, failed } = tallied;
  if (entries === 0) return 'Audit';
  const words = `${isRead && !period.isAll ? 'the last ' : ''}${count(entries, 'entry')}${isRead || !hasMore ? '' : ' so far'}`;
  const known = capitalized(words);
  if (filter.outcome === 'policy') return `${known} refused by the policy`;
  const [first = 'none failed'] = othersIn({ byMicrosoft, failed });
  if (byPolicy === 0) return `${known}, ${first}`;
  return `${byPolicy.toLocaleString('en')} of ${words} refused by the policy`;
}

interface LedeProps {
  readonly filter: AuditFilter;
  readonly range: NonNullable<AuditPages['range']>;
  readonly period: Period | undefined;
  readonly names: Names;
}

/** What the policy refused, and what the title leaves out. The length of a usual period is in its field. */
function Lede({ filter, range, period, names }: LedeProps) {
  const others = period === undefined || filter.outcome === 'policy' ? [] : othersIn({ ...period.all, byPolicy: 0 });
  const more = others.slice(period?.all.byPolicy === 0 ? 1 : 0);
  return (
    <>
      {periodOf(filter) === 'other' ? (
        <>
          From <Time iso={range.from} short /> to <Time iso={range.to} short />.{' '}
        </>
      ) : null}
      <Refused filter={filter} period={period} names={names} />
      {more.length === 0 ? '' : ` Also ${more.join(' and ')}.`}
    </>
  );
}

const proofWords = {
  current: ['good', 'signed'],
  none: ['idle', 'not signed yet'],
  off: ['warn', 'not signed: the timer is disabled'],
  late: ['bad', 'not signed lately'],
} as const;

/** When the order of the records was last signed: the broker does not check it itself. */
function Proof() {
  const health = usePolling((api) => api.health(), 'health').value;
  if (health === undefined || !('applications' in health)) return null;
  const { state = 'none', lastAt, problem } = health.auditCheckpoints;
  const [tone, word] = proofWords[state];
  return (
    <>
      {state === 'current' ? null : <ToneBadge tone={tone}>{word}</ToneBadge>}
      {lastAt === undefined ? null : (
        <span>
          <Icon name="lock" /> Last checkpoint signed <Time iso={lastAt} short />
        </span>
      )}
      {problem === undefined ? null : <span>{problem}</span>}
    </>
  );
}

/** `The newest 812 entries`. */
function countText({ loadMore, failure }: AuditPages, { length }: readonly ShownRecord[]): string {
  if (failure !== undefined) return '';
  if (length === 0) return loadMore === undefined ? 'No entries' : 'No entries so far';
  return length === 1 && loadMore === undefined
    ? '1 entry'
    : `${loadMore ? 'The newest' : 'All'} ${count(length, 'entry')}`;
}

const dayMs = 24 * 60 * 60 * 1000;

type Fields = Readonly<Partial<Record<keyof AuditFilter, string | undefined>>>;

/** Lengths of a period until now, in days. The first is that of the API. */
const periods = ['1', '7', '30', '90'];

/** The length that the filter has, give or take the time that the page has been open. */
function periodOf({ from, to }: AuditFilter): string {
  if (from === undefined && to === undefined) return '1';
  const days = (Date.now() - Date.parse(from ?? '')) / dayMs;
  return periods.find((known) => to === undefined && days >= Number(known) && days < Number(known) + 0.5) ?? 'other';
}

/** Form for the filter. A choice takes effect at once, and fields when the form is submitted, not while the user types. */
export function AuditFilters(props: {
  readonly filter: AuditFilter;
  /** What the loaded records are searched for, at once. */
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly children?: ComponentChildren;
}) {
  const { filter, text, onText, children } = props;
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
  const show = (change: AuditFilter = {}): void => {
    const trimmed = Object.fromEntries(Object.entries(fields).map(([name, value = '']) => [name, value.trim()]));
    const period = { from: isoTime(fields.from, filter.from), to: isoTime(fields.to, filter.to) };
    goTo(auditLink({ ...trimmed, ...period, ...change }));
  };
  const choice = (name: 'kind' | 'outcome') => ({
    value: filter[name] ?? '',
    onChoose: (value: string): void => show({ [name]: value }),
  });
  const period = periodOf(filter);
  const { from: _, to: __, ...rest } = filter;
  const others = Object.values(rest);
  // A length of time is always chosen, so it is no filter to clear.
  const unfiltered = auditLink(period === 'other' ? {} : { from: filter.from });
  const submit = (event: Event): void => {
    event.preventDefault();
    show();
  };
  return (
    <form class="filters short" aria-label="Filter" onSubmit={submit}>
      <Search value={text} placeholder="Who, tenant, rule, path" onInput={onText} />
      <Folded
        name="Filter"
        set={[period === 'other' ? period : undefined, ...others].filter((value) => value !== undefined).length}
      >
        <Choice
          label="Period"
          all={false}
          isSet={period === 'other'}
          value={period}
          options={withChosen(periods, period)}
          textOf={(days) => (periods.includes(days) ? count(Number(days), 'day') : days)}
          onChoose={(days) => show({ from: new Date(Date.now() - Number(days) * dayMs).toISOString(), to: '' })}
        />
        <Choice label="Kind" options={auditKinds} {...choice('kind')} />
        <Choice
          label="Outcome"
          options={['policy', ...auditOutcomes]}
          // The log calls all that was not served denied, and what a person denied.
          textOf={(outcome) =>
            ({ policy: 'refused by the policy', denied: 'denied or not served' })[outcome] ?? outcome
          }
          {...choice('outcome')}
        />
        <details open={[filter.tenant, filter.caller, filter.approval, filter.to].some((set) => set !== undefined)}>
          <summary class="btn">More…</summary>
          <div class="filters">
            <Field label="Tenant" placeholder="id or domain" {...field('tenant')} />
            <Field label="Caller" placeholder="application id" {...field('caller')} />
            <Field label="Approval" placeholder="id" {...field('approval')} />
            <Field label="From" type="datetime-local" {...field('from')} />
            <Field label="To" type="datetime-local" {...field('to')} />
            <Check
              label="Only break-glass"
              checked={field('breakGlass').value !== ''}
              onChange={(checked) => field('breakGlass').onInput(checked ? 'true' : '')}
            />
            <button type="submit">Show</button>
          </div>
        </details>
      </Folded>
      {link === unfiltered && text === '' ? null : (
        <a href={unfiltered} onClick={() => onText('')}>
          Clear filter
        </a>
      )}
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
