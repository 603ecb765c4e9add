import { Fragment } from 'preact';
import {
  type Gap,
  readReport,
  type ReportSource,
  type Section,
  type TenantReport,
} from '../../src/lib/api/report/read-report.ts';
import {
  accessText,
  cellText,
  changedCells,
  changedRow,
  changesText,
  countsText,
  dayText,
  differenceText,
  numberText,
} from '../../src/lib/api/report/report-words.ts';
import { parseGuid } from '../../src/lib/core/identifiers.ts';
import { byTopic, topicTitle } from '../../src/lib/core/topics.ts';
import { Warnings } from '../shared/text.tsx';
import type { Api } from './api.ts';
import { usePartner } from './context.ts';
import { Icon } from './icon.tsx';
import { Empty, Head, Loaded, Metrics, Panel, Table, type Column as TableColumn, ToneBadge } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { tenantLink } from './route.ts';
import { useNarrow } from './virtual-rows.tsx';

/** Rows and changes of each job. */
const shownRows = 25;

/** What all jobs say about one customer, to print: the content of `ptb report`. */
export const ReportView = forRole(['Runs.Read'], 'Customer report', OneReport);

function OneReport({ tenantId }: { readonly tenantId: string }) {
  const load = (api: Api) => readReport(sourceOf(api), { tenant: tenantId, limit: shownRows, nowMs: Date.now() });
  const polled = usePolling(load, `report ${tenantId}`);
  const { value: report } = polled;
  const partner = usePartner();
  return (
    <article class="report">
      {report === undefined ? null : (
        <Head
          title={report.name}
          name={`${report.name}: report`}
          in={['#/tenants', 'Tenants', tenantLink(tenantId)]}
          lede={`Report of administration${partner === undefined ? '' : ` by ${partner}`}, ${periodOf(report)}`}
          about={
            <>
              <span>{report.defaultDomain ?? tenantId}</span>
              <span>{accessText(report)}</span>
            </>
          }
        >
          <button type="button" onClick={() => print()}>
            <Icon name="print" /> Print
          </button>
        </Head>
      )}
      <Loaded polled={polled}>{(found) => <Content report={found} />}</Loaded>
    </article>
  );
}

/** `2 Nov 2026 to 1 Dec 2026`: from the first run that is compared with. */
function periodOf({ sections, createdAt }: TenantReport): string {
  const [first = createdAt] = sections.flatMap(({ since, asOf }) => since ?? asOf).toSorted();
  const [from, to] = [first, createdAt].map(dayText);
  return from === to ? `${to}` : `${from} to ${to}`;
}

const sourceOf = (api: Api): ReportSource => ({
  tenant: api.tenant,
  jobs: api.jobs,
  tenantHistory: (tenantId, job) => api.tenantHistory(tenantId, job, {}),
  rowPages: async function* (runId, tenantId) {
    let continuation: string | undefined;
    do {
      const page = await api.rowsOfTenant(runId, tenantId, continuation);
      yield page.rows;
      ({ continuation } = page);
    } while (continuation !== undefined);
  },
  changesSince: api.changes,
});

/** Licences first: what the customer pays for. */
const topicsOf = (sections: readonly Section[]) =>
  byTopic(sections).toSorted(([one], [other]) => Number(other === 'licences') - Number(one === 'licences'));

/** The title of a job without what it says to the partner, who has many tenants: "Licences per tenant". */
const titleFor = (title: string): string => title.replace(/ (?:per|to each|in each|of each) tenant$/, '');

function Content({ report: { sections, gaps, warnings } }: { readonly report: TenantReport }) {
  return (
    <>
      <Warnings texts={warnings} />
      {topicsOf(sections).map(([topic, group]) => (
        <section key={topic} class="stack" aria-label={topicTitle(topic)}>
          {/* The title of a panel says it. */}
          {titleFor(group[0]?.title ?? '') === topicTitle(topic) ? null : <h2>{topicTitle(topic)}</h2>}
          {group.map((section) => (
            <OneSection key={section.job} section={section} />
          ))}
        </section>
      ))}
      {sections.length > 0 ? null : <Empty title="No rows of this customer are kept." />}
      <Missing gaps={gaps} />
      <p class="print-only small">
        Every request into this tenant is in an audit log whose order can be proven. Made by Partner Token Broker.
      </p>
    </>
  );
}

function OneSection({ section }: { readonly section: Section }) {
  const { title, asOf, rowCount, rows, columns, changes, counts, since, changed } = section;
  const more = rowCount - rows.length;
  const isAsBefore = changes !== undefined && Object.values(changes).every((n) => n === 0);
  const about = since === undefined ? '' : isAsBefore ? 'as before' : changesText(section);
  // What occurs once each, or alone, is said by the table.
  const says = counts !== undefined && counts.values.length > 1 && counts.values.some(([, n]) => n > 1);
  const times = (
    <span class="small">
      {dayText(asOf)}
      {since === undefined ? '' : `, compared with ${dayText(since)}`}
    </span>
  );
  return (
    <Panel title={titleFor(title)} more={times}>
      <Metrics of={[[nounOf(section), numberText(rowCount), about], ...figuresOf(section)]} />
      {says ? (
        <p>
          {counts.title}: {countsText(counts)}
        </p>
      ) : null}
      {changed.length === 0 ? null : (
        <>
          <h3>What changed</h3>
          <ul class="records">
            {changed.map((change, at) => (
              <li key={at}>
                <b dir="auto">{changedRow(change, columns)}</b> <span class="quiet">{change.change}</span>{' '}
                {change.change === 'changed' ? <span dir="auto">{changedCells(change, columns)}</span> : null}
              </li>
            ))}
          </ul>
        </>
      )}
      {rows.length === 0 ? null : (
        <>
          {more === 0 ? null : <h3>{`The first ${rows.length} of ${numberText(rowCount)}`}</h3>}
          <Rows section={section} />
        </>
      )}
    </Panel>
  );
}

/** What the rows are: `Products`, if each has another one. */
function nounOf({ columns: [first], rows }: Section): string {
  if (first === undefined || first.type !== 'text') return 'Entries';
  return new Set(rows.map((row) => row[first.name])).size < rows.length ? 'Entries' : `${first.title}s`;
}

/** Numbers with their difference. Of a column with yes and no, how many are yes. */
function figuresOf({ figures, rowCount }: Section): readonly (readonly [string, string, string])[] {
  const titles = new Set(figures.map((figure) => figure.title));
  return figures.flatMap((figure) => {
    const { title, now } = figure;
    const [, name = title, answer] = /^(.*): (yes|no)$/.exec(title) ?? [];
    // The number of all rows stands before.
    if (title === 'Rows' || (answer === 'no' && titles.has(`${name}: yes`))) return [];
    if (answer === undefined) return [[name, numberText(now), differenceText(figure)] as const];
    const about = answer === 'no' ? '' : differenceText(figure);
    return [[name, numberText(answer === 'no' ? 0 : now), `of ${numberText(rowCount)} ${about}`.trim()] as const];
  });
}

type Column = Section['columns'][number];
type Row = Section['rows'][number];

/** Columns beside the first one that fit on paper. */
const mostColumns = 7;

/** The value in a cell. Of an id, its start tells two rows apart. */
const textOf = (row: Row, column: Column): string => {
  const text = cellText(row[column.name], column);
  return parseGuid(text) === undefined ? text : `${text.slice(0, 8)}…`;
};

/** The tone of a value that needs somebody. */
const toneOf = (row: Row, { name }: Column): 'warn' | 'bad' | undefined => {
  if (name === 'daysLeft') return Number(row[name]) < 0 ? 'bad' : undefined;
  return name === 'status' && row[name] === 'Warning' ? 'warn' : undefined;
};

function Value({ row, column }: { readonly row: Row; readonly column: Column }) {
  const [text, tone] = [textOf(row, column), toneOf(row, column)];
  return tone === 'warn' ? <ToneBadge tone={tone}>{text}</ToneBadge> : <bdi class={tone && 'problem'}>{text}</bdi>;
}

/** The rows as a table. Of many columns, and on a phone, a few have a place, and the others are one text a row. */
function Rows({ section: { rows, columns, counts } }: { readonly section: Section }) {
  const isPhone = useNarrow();
  const person = columns.find(({ name }) => name === 'displayName');
  const [first = person, ...others] = columns.filter((column) => column !== person);
  if (first === undefined) return null;
  // First what the rows are counted by, which is the answer, then what tells them apart.
  const weightOf = ({ name, title, type }: Column): number => {
    const values = new Set(rows.map((row) => row[name]));
    if (title === counts?.title && values.size > 1) return Infinity;
    if (type === 'date' || type === 'boolean' || [...values].some((value) => parseGuid(String(value)))) return 0;
    return values.size + (isPhone && type === 'number' ? rows.length : 0);
  };
  const isShort = isPhone || others.length > mostColumns;
  const ordered = isShort ? others.toSorted((one, other) => weightOf(other) - weightOf(one)) : others;
  const fitting = ordered.slice(0, isPhone ? 1 : isShort ? 2 : mostColumns);
  const left = ordered.slice(fitting.length);
  // What most rows have in common is said once. One row has nothing in common with others.
  const usual = new Map(
    left.flatMap((column) => {
      const [text = '', [row, ...more] = []] =
        [...Map.groupBy(rows, (row) => textOf(row, column))].find(([, same]) => same.length > rows.length / 2) ?? [];
      return row === undefined || more.length === 0 || toneOf(row, column) !== undefined
        ? []
        : [[column, text] as const];
    }),
  );
  const common = [...usual].filter(([, text]) => text !== '–').map(([{ title }, text]) => `${title} ${text}`);
  const rest = (row: Row) =>
    left
      .filter((column) => textOf(row, column) !== (usual.get(column) ?? '–'))
      .map((column, at) => (
        <Fragment key={column.name}>
          {at === 0 ? '' : ', '}
          {column.title} {textOf(row, column) === '–' ? 'not known' : <Value row={row} column={column} />}
        </Fragment>
      ));
  return (
    <>
      {common.length === 0 ? null : <p class="quiet">Unless a row says otherwise: {common.join(', ')}.</p>}
      <Table<readonly [number, Row]>
        items={[...rows.entries()]}
        keyOf={([at]) => String(at)}
        columns={[
          [
            (person ?? first).title,
            'w-c wrap',
            ([, row]) => (
              <>
                <bdi>{textOf(row, person ?? first)}</bdi>
                {person === undefined ? null : <div class="small quiet any">{textOf(row, first)}</div>}
                {isPhone ? <div class="small quiet">{rest(row)}</div> : null}
              </>
            ),
          ],
          ...fitting.map(
            (column): TableColumn<readonly [number, Row]> => [
              column.title,
              column.type === 'number' ? 'end wrap' : 'wrap',
              ([, row]) => <Value row={row} column={column} />,
            ],
          ),
          ...(isShort && !isPhone
            ? [['More', 'wrap quiet', ([, row]) => rest(row)] satisfies TableColumn<readonly [number, Row]>]
            : []),
        ]}
      />
    </>
  );
}

/** What is not in the report, because the last visit failed. A job that nobody ran here says nothing. */
function Missing({ gaps }: { readonly gaps: readonly Gap[] }) {
  const failed = gaps.filter(({ outcome }) => outcome !== undefined);
  if (failed.length === 0) return null;
  const texts = failed.map(({ jobs, reason }) => `${jobs.map(({ title }) => titleFor(title)).join(', ')} (${reason})`);
  return <p class="quiet">Not in this report: {texts.join('; ')}.</p>;
}
