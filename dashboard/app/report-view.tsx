import { useEffect, useState } from 'preact/hooks';
import type { Deed, PartnerWork } from '../../src/lib/api/report/partner-work.ts';
import {
  readReport,
  type ReportSource,
  type Section,
  type TenantReport,
} from '../../src/lib/api/report/read-report.ts';
import { type RowTable, rowTable } from '../../src/lib/api/report/row-table.ts';
import {
  accessText,
  changedCells,
  changedRow,
  changesText,
  countsText,
  differenceText,
  nothingFoundText,
  numberText,
  permitsText,
  permitsTitle,
  reportDays,
  summaryText,
  unreadIn,
  workCells,
  workColumns,
  workGroups,
  workText,
} from '../../src/lib/api/report/report-words.ts';
import { dayMs } from '../../src/lib/core/clock.ts';
import { dayText, zoneText } from '../../src/lib/core/day-text.ts';
import { byTopic } from '../../src/lib/core/topics.ts';
import { Warnings } from '../shared/text.tsx';
import { type Api, rowsFrom } from './api.ts';
import { Flow, Keys } from './charts.tsx';
import { useRole } from './context.ts';
import { localDate } from './format.ts';
import { tenantPoints } from './history-points.ts';
import { Icon } from './icon.tsx';
import { daysBetween, noonOf } from './nights.ts';
import {
  Breakable,
  type Column as TableColumn,
  Empty,
  Fact,
  Head,
  Loaded,
  Metrics,
  Panel,
  Table,
  ToneBadge,
} from './pieces.tsx';
import { usePartner, usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { tenantLink, useRoute } from './route.ts';
import { Life } from './tenant-view.tsx';
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
  const tenant = usePolling((api) => api.tenant(tenantId), `tenant ${tenantId}`).value;
  return (
    <article class="report">
      {partner === undefined ? null : <strong>{partner}</strong>}
      {report === undefined ? (
        <Head title="Customer report" in={['#/tenants', 'Tenants', tenantLink(tenantId)]} />
      ) : (
        <Head
          title={report.name}
          name={`${report.name}: report`}
          in={['#/tenants', 'Tenants', tenantLink(tenantId)]}
          lede={`Report of administration, ${reportDays(report)}`}
          about={
            <>
              <span>{report.defaultDomain ?? tenantId}</span>
              {/* The bar says when the access ends. */}
              <span>{tenant === undefined ? accessText(report) : report.access}</span>
            </>
          }
        >
          <button type="button" onClick={() => print()}>
            <Icon name="print" /> Print
          </button>
        </Head>
      )}
      {report && (
        <p class="summary">
          {summaryText(report)} {unreadIn(report).length === 0 ? '' : 'What could not be read is listed at the end.'}
        </p>
      )}
      {tenant && report && <Life tenant={tenant} title="Our access" />}
      <Loaded polled={polled}>{(found) => <Content report={found} />}</Loaded>
    </article>
  );
}

const sourceOf = (api: Api, readsAudit: boolean): ReportSource => ({
  ...rowsFrom(api),
  tenant: api.tenant,
  changesSince: api.changes,
  audit: readsAudit ? api.audit : undefined,
});

const licenceJob = 'licence-report';

function Content({ report }: { readonly report: TenantReport }) {
  const { sections, warnings, work, createdAt } = report;
  const [unread, permits] = [unreadIn(report), permitsText(work)];
  const { query } = useRoute();
  // A link may be about the rows of a job.
  useEffect(() => document.getElementById(placeOf(new URLSearchParams(query).get('job') ?? ''))?.focus(), []);
  // Licences first: what the customer pays for.
  const ordered = byTopic(sections)
    .flatMap(([, group]) => group)
    .toSorted((one, other) => Number(other.job === licenceJob) - Number(one.job === licenceJob));
  return (
    <>
      <Warnings texts={warnings} />
      <Findings report={report} />
      <Panel title="What we did in your tenant">
        <p>{workText(work)}</p>
        {work === undefined || work.deeds.length === 0 ? null : <Work work={work} />}
      </Panel>
      {ordered.map((section) => (
        <div key={section.job} id={placeOf(section.job)} tabIndex={-1}>
          <OneSection tenantId={report.tenantId} section={section} />
        </div>
      ))}
      {sections.length > 0 ? null : <Empty title="No rows of this customer are kept." />}
      {unread.length === 0 ? null : (
        <Panel title="What could not be read" bare>
          <Told of={unread} />
        </Panel>
      )}
      {permits.length === 0 ? null : (
        <Panel title={permitsTitle}>
          {permits.map((text) => (
            <p key={text} class="small">
              {text}
            </p>
          ))}
        </Panel>
      )}
      <footer class="quiet small">
        Made with Partner Token Broker on {dayText(createdAt)}. Days are in the time zone {zoneText()}.
      </footer>
    </>
  );
}

/** The id of the rows of a job in the document. */
const placeOf = (job: string): string => `report-${job}`;

/** What the customer should know first. */
function Findings({ report }: { readonly report: TenantReport }) {
  const [findings, nothing] = [report.findings, nothingFoundText(report)];
  return findings.length === 0 && nothing === '' ? null : (
    <Panel title="What needs attention" bare={nothing === ''}>
      {nothing || <Told of={findings.map(({ text, consequence, job }) => [text, consequence, job] as const)} />}
    </Panel>
  );
}

/** What the partner did, by what came of it. */
const Work = ({ work }: { readonly work: PartnerWork }) => (
  <Table<Deed>
    items={work.deeds}
    keyOf={({ kind, name }) => `${kind} ${name}`}
    groupsOf={() =>
      workGroups(work).map(({ title, note, deeds }) => ({
        title,
        head: (
          <>
            <h3>{title}</h3>
            {note && <span class="quiet">{note}</span>}
          </>
        ),
        items: deeds,
      }))
    }
    columns={workColumns.map(({ title, type }, at) => [
      title,
      type === 'text' ? 'wrap' : 'end',
      (deed) => workCells(deed)[at],
    ])}
  />
);

/** Texts with what follows from them or why, each with the way to its rows. */
const Told = (props: {
  readonly of: readonly (readonly [text: string, about: string, job?: string | undefined])[];
}) => (
  <ol class="list">
    {props.of.map(([text, about, job]) => (
      <li key={text} class="ask">
        <div>
          <b>{text}</b>
          <div class="small quiet">{about}</div>
        </div>
        {job === undefined ? null : (
          <button type="button" class="link no-print" onClick={() => document.getElementById(placeOf(job))?.focus()}>
            Show<span class="visually-hidden"> the rows: {text}</span>
          </button>
        )}
      </li>
    ))}
  </ol>
);

interface SectionProps {
  readonly section: Section;
}

function OneSection({ tenantId, section }: SectionProps & { readonly tenantId: string }) {
  const { job, title, asOf, rowCount, rows, columns, changes, counts, since } = section;
  // New rows are in the table, if it has all: of people, it has those who lack something.
  const hasAll = rows.length === rowCount && !columns.some(({ name }) => name === 'displayName');
  const changed = section.changed.filter(({ change }) => change !== 'added' || !hasAll);
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
      {job === licenceJob ? <Licences tenantId={tenantId} /> : null}
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
      {rows.length === 0 ? null : <SectionRows section={section} />}
    </Panel>
  );
}

/** Licences that were bought and assigned, day by day, from the first to the last day with both. */
function Licences({ tenantId }: Pick<TenantReport, 'tenantId'>) {
  const history = usePolling((api) => api.tenantHistory(tenantId, licenceJob, {}), `licences of ${tenantId}`).value;
  const numbersOf = (column: string) => {
    const points = history === undefined ? [] : tenantPoints(history, column);
    const known = points.filter(({ number }) => number !== undefined);
    return new Map(known.map(({ startedAt, number }) => [noonOf(Date.parse(startedAt)), number]));
  };
  const [bought, assigned] = [numbersOf('licences'), numbersOf('assigned')];
  const days = [...bought.keys()].filter((day) => assigned.has(day));
  const [first = 0, last = 0] = [days[0], days.at(-1)];
  if (first === last) return null;
  const all = Array.from({ length: daysBetween(first, last) + 1 }, (_, at) => noonOf(first + at * dayMs));
  const [from, to] = [first, last].map((day) => localDate(new Date(day).toISOString()));
  return (
    <Flow
      values={all.map((day) => bought.get(day))}
      beside={all.map((day) => assigned.get(day))}
      label={`Licences that were bought and assigned, from ${from} to ${to}`}
      ends={[from, <Keys key="keys" of={Object.entries({ active: 'bought', beside: 'assigned' })} />, to]}
    />
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

type Shown = RowTable['rows'][number];

const Value = ({ of: { text, tone } }: { readonly of: Shown['cells'][number] }) =>
  tone === 'warn' ? <ToneBadge tone={tone}>{text}</ToneBadge> : <bdi class={tone && 'problem'}>{text}</bdi>;

const Name = ({ of: { name, about } }: { readonly of: Shown }) => (
  <>
    <bdi>{name}</bdi>
    {about.map((text) => (
      <div key={text} class="small quiet any">
        <Breakable text={text} />
      </div>
    ))}
  </>
);

/** Rows as a table. On a phone, each row is a block, and each value has its name. */
function Rows({ columns: [first, ...more], rows }: Pick<RowTable, 'columns' | 'rows'>) {
  return useNarrow() ? (
    <ul class="records">
      {rows.map((row, at) => (
        <li key={at}>
          <Name of={row} />
          <dl>
            {row.cells.map((cell, index) => (
              <Fact key={index} name={more[index]?.title ?? ''}>
                {cell.isEmpty ? undefined : <Value of={cell} />}
              </Fact>
            ))}
          </dl>
        </li>
      ))}
    </ul>
  ) : (
    <Table<readonly [number, Shown]>
      items={[...rows.entries()]}
      keyOf={([at]) => String(at)}
      columns={[
        [first?.title ?? '', more.length > 2 ? 'w-c wrap' : 'wrap', ([, row]) => <Name of={row} />],
        ...more.map(
          ({ title, type }, at): TableColumn<readonly [number, Shown]> => [
            title,
            type === 'number' || (type === 'date' && at === more.length - 1) ? 'end wrap' : 'wrap',
            ([, { cells }]) => cells[at] && <Value of={cells[at]} />,
          ],
        ),
      ]}
    />
  );
}

/** The rows of a job. */
function SectionRows({ section }: SectionProps) {
  const [isAll, setAll] = useState(false);
  const { title, common, columns, rows, leavesOut } = rowTable(section, isAll);
  return (
    <>
      {title === '' ? null : <h3>{title}</h3>}
      {common === '' ? null : <p class="quiet">In every row: {common}.</p>}
      {rows.length === 0 ? null : <Rows columns={columns} rows={rows} />}
      {leavesOut ? (
        <button type="button" onClick={() => setAll(true)}>
          Show the others
        </button>
      ) : null}
    </>
  );
}
