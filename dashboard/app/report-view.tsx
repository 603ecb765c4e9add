import { useEffect } from 'preact/hooks';
import {
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
  checkedText,
  countsText,
  differenceText,
  numberText,
  permissionsText,
  workText,
} from '../../src/lib/api/report/report-words.ts';
import { dayText, zoneText } from '../../src/lib/core/day-text.ts';
import { parseGuid } from '../../src/lib/core/identifiers.ts';
import { capitalized } from '../../src/lib/core/text.ts';
import { byTopic, topicTitle } from '../../src/lib/core/topics.ts';
import { Warnings } from '../shared/text.tsx';
import type { Api } from './api.ts';
import { usePartner, useRole } from './context.ts';
import { Icon } from './icon.tsx';
import { Empty, Fact, Head, Loaded, Metrics, Panel, Table, type Column as TableColumn, ToneBadge } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { tenantLink, useRoute } from './route.ts';
import { useNarrow } from './virtual-rows.tsx';

/** Rows and changes of each job. */
const shownRows = 25;

/** What all jobs say about one customer, to print: the content of `ptb report`. */
export const ReportView = forRole(['Runs.Read'], 'Customer report', OneReport);

function OneReport({ tenantId }: { readonly tenantId: string }) {
  const readsAudit = useRole('Audit.Read');
  const load = (api: Api) =>
    readReport(sourceOf(api, readsAudit), { tenant: tenantId, limit: shownRows, nowMs: Date.now() });
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
          lede={`Report of administration${partner === undefined ? '' : ` by ${partner}`}, ${dayText(report.createdAt)}`}
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

/** The rows of jobs in a tenant. */
export const rowsFrom = (api: Api): Pick<ReportSource, 'jobs' | 'tenantHistory' | 'rowPages'> => ({
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
});

const sourceOf = (api: Api, readsAudit: boolean): ReportSource => ({
  ...rowsFrom(api),
  tenant: api.tenant,
  changesSince: api.changes,
  audit: readsAudit ? api.audit : undefined,
});

/** Licences first: what the customer pays for. */
const topicsOf = (sections: readonly Section[]) =>
  byTopic(sections).toSorted(([one], [other]) => Number(other === 'licences') - Number(one === 'licences'));

function Content({ report }: { readonly report: TenantReport }) {
  const { sections, warnings } = report;
  const { query } = useRoute();
  // A link may be about the rows of a job.
  useEffect(() => document.getElementById(placeOf(new URLSearchParams(query).get('job') ?? ''))?.focus(), []);
  return (
    <>
      <Warnings texts={warnings} />
      <div class="stack">
        <Findings report={report} />
        <Work report={report} />
      </div>
      {topicsOf(sections).map(([topic, group]) => (
        <section key={topic} class="stack" aria-label={topicTitle(topic)}>
          {/* The title of a panel says it. */}
          {group[0]?.title === topicTitle(topic) ? null : <h2>{topicTitle(topic)}</h2>}
          {group.map((section) => (
            <div key={section.job} id={placeOf(section.job)} tabIndex={-1}>
              <OneSection section={section} />
            </div>
          ))}
        </section>
      ))}
      {sections.length > 0 ? null : <Empty title="No rows of this customer are kept." />}
      <p class="quiet small">
        Days are in the time zone {zoneText()}. <span class="print-only">Made by Partner Token Broker.</span>
      </p>
    </>
  );
}

/** The id of the rows of a job in the document. */
const placeOf = (job: string): string => `report-${job}`;

/** What the customer should know first, each with the way to its rows, and what could not be read. */
function Findings({ report }: { readonly report: TenantReport }) {
  const { findings } = report;
  const checked = checkedText(report);
  return (
    <>
      {findings.length === 0 ? null : (
        <Panel title="What needs attention" bare>
          <ol class="list">
            {findings.map(({ job, text, consequence }) => (
              <li key={text} class="ask">
                <div>
                  <b>{text}</b>
                  <div class="small quiet">{consequence}</div>
                </div>
                {job === undefined ? null : (
                  <button type="button" class="link" onClick={() => document.getElementById(placeOf(job))?.focus()}>
                    Show<span class="visually-hidden"> the rows: {text}</span>
                  </button>
                )}
              </li>
            ))}
          </ol>
        </Panel>
      )}
      {checked === '' ? null : <p class="lede">{checked}</p>}
    </>
  );
}

function Work({ report: { work } }: { readonly report: TenantReport }) {
  return (
    <Panel title="What the partner did here">
      <p>{workText(work)}</p>
      {work === undefined || work.purposes.length === 0 ? null : (
        <Table
          items={work.purposes}
          keyOf={({ name }) => name}
          columns={[
            ['For', 'w-c wrap', ({ name }) => capitalized(name)],
            ['On record', 'end', ({ count }) => numberText(count)],
            ['With the permissions', 'wrap p2', ({ permissions }) => permissionsText(permissions)],
            ['Last', 'end', ({ lastAt }) => dayText(lastAt)],
          ]}
        />
      )}
    </Panel>
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
    <Panel title={title} more={times}>
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
const mostColumns = 6;

/** The value in a cell. Of an id, its start tells two rows apart. */
const textOf = (row: Row, column: Column): string => {
  const text = cellText(row[column.name], column);
  return parseGuid(text) === undefined ? text : `${text.slice(0, 8)}…`;
};

/** The tone of a value that needs somebody. */
const toneOf = (row: Row, { name }: Column): 'warn' | 'bad' | undefined => {
  if (name === 'daysLeft') return Number(row[name]) < 0 ? 'bad' : undefined;
  if (name === 'strength') return row[name] === 'none' ? 'bad' : undefined;
  return name === 'status' && row[name] === 'Warning' ? 'warn' : undefined;
};

function Value({ row, column }: { readonly row: Row; readonly column: Column }) {
  const [text, tone] = [textOf(row, column), toneOf(row, column)];
  return tone === 'warn' ? <ToneBadge tone={tone}>{text}</ToneBadge> : <bdi class={tone && 'problem'}>{text}</bdi>;
}

const isKnown = (row: Row, column: Column): boolean => (row[column.name] ?? '') !== '';

/** The rows as a table. On a phone, each row is a block, and each value has its name. */
function Rows({ section: { rows, columns, counts } }: { readonly section: Section }) {
  const isPhone = useNarrow();
  const person = columns.find(({ name }) => name === 'displayName');
  // They stand with the name of the person.
  const isMark = ({ name }: Column): boolean => person !== undefined && (name === 'admin' || name === 'userType');
  const [first = person, ...others] = columns.filter((column) => column !== person && !isMark(column));
  if (first === undefined) return null;
  // What all rows have in common is said once. One row has nothing in common with others.
  const isCommon = (column: Column): boolean =>
    rows.length > 1 &&
    new Set(rows.map((row) => textOf(row, column))).size === 1 &&
    !rows.some((row) => toneOf(row, column));
  const isMany = others.length > mostColumns;
  const common = isMany ? others.filter(isCommon) : [];
  // First what the rows are counted by, which is the answer.
  const ordered = others
    .filter((column) => !common.includes(column))
    .toSorted((one, other) => Number(other.title === counts?.title) - Number(one.title === counts?.title));
  const [fitting, left] = [ordered.slice(0, mostColumns), ordered.slice(mostColumns)];
  // A number that is zero is in the sums over the rows.
  const known = (row: Row, some: readonly Column[]) =>
    some.filter((column) => isKnown(row, column) && row[column.name] !== 0);
  const name = (row: Row) => <bdi>{textOf(row, person !== undefined && isKnown(row, person) ? person : first)}</bdi>;
  const about = (row: Row): string =>
    [
      person !== undefined && isKnown(row, person) ? textOf(row, first) : [],
      row['userType'] === 'guest' ? 'guest' : [],
      row['admin'] === true ? 'administrator' : [],
    ]
      .flat()
      .join(', ');
  return (
    <>
      {common.length === 0 ? null : (
        <p class="quiet">
          In every row: {common.map((column) => `${column.title} ${textOf(rows[0] ?? {}, column)}`).join(', ')}.
        </p>
      )}
      {isPhone ? (
        <ul class="records">
          {rows.map((row, at) => (
            <li key={at}>
              <b>{name(row)}</b>
              {about(row) === '' ? null : <div class="small quiet">{about(row)}</div>}
              <dl>
                {known(row, ordered).map((column) => (
                  <Fact key={column.name} name={column.title}>
                    <Value row={row} column={column} />
                  </Fact>
                ))}
              </dl>
            </li>
          ))}
        </ul>
      ) : (
        <Table<readonly [number, Row]>
          items={[...rows.entries()]}
          keyOf={([at]) => String(at)}
          columns={[
            [
              (person ?? first).title,
              'w-c wrap',
              ([, row]) => (
                <>
                  {name(row)}
                  {about(row) === '' ? null : <div class="small quiet any">{about(row)}</div>}
                  <div class="small quiet">
                    {known(row, left)
                      .map((column) => `${column.title} ${textOf(row, column)}`)
                      .join(', ')}
                  </div>
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
          ]}
        />
      )}
    </>
  );
}
