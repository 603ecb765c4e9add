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
  jobsText,
  numberText,
  periodText,
} from '../../src/lib/api/report/report-words.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { byTopic, topicTitle } from '../../src/lib/core/topics.ts';
import { Sentence, Warnings } from '../shared/text.tsx';
import type { Api } from './api.ts';
import { Icon } from './icon.tsx';
import { type Column, Head, Loaded, Metrics, Panel, Table } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { runLink, tenantLink } from './route.ts';
import { useNarrow } from './virtual-rows.tsx';

/** Rows and changes of each job. */
const shownRows = 10;

/** What all jobs say about one customer, to print: the content of `ptb report`. */
export const ReportView = forRole(['Runs.Read'], 'Customer report', OneReport);

function OneReport({ tenantId }: { readonly tenantId: string }) {
  const load = (api: Api) => readReport(sourceOf(api), { tenant: tenantId, limit: shownRows, nowMs: Date.now() });
  const polled = usePolling(load, `report ${tenantId}`);
  const { value: report } = polled;
  return (
    <article class="report">
      {report === undefined ? null : (
        <Head
          title={report.name}
          name={`${report.name}: report`}
          in={[tenantLink(tenantId), 'Tenant']}
          lede={`Report of ${dayText(report.createdAt)}. ${periodText(report)}`}
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

function Content({ report: { sections, gaps, warnings } }: { readonly report: TenantReport }) {
  return (
    <>
      <Warnings texts={warnings} />
      {byTopic(sections).map(([topic, group]) => (
        <section key={topic} class="stack" aria-label={topicTitle(topic)}>
          <h2>{topicTitle(topic)}</h2>
          {group.map((section) => (
            <OneSection key={section.job} section={section} />
          ))}
        </section>
      ))}
      {gaps.length === 0 ? null : <Gaps gaps={gaps} />}
      <p class="print-only small">
        Every request into this tenant is in an audit log whose order can be proven. Made by Partner Token Broker.
      </p>
    </>
  );
}

function OneSection({ section }: { readonly section: Section }) {
  const { title, description, asOf, runId, rowCount, rows, columns, counts, figures, since, changed } = section;
  const more = rowCount - rows.length;
  // The rows are a figure, too.
  const others = figures.filter((figure) => figure.title !== 'Rows');
  const link = (
    <a href={runLink(runId, 'rows')} class="small">
      {dayText(asOf)}
    </a>
  );
  return (
    <Panel title={title} more={link}>
      {description === undefined ? null : <p class="quiet">{description}</p>}
      <Metrics
        of={[
          ['Rows', numberText(rowCount), since === undefined ? 'nothing to compare with yet' : changesText(section)],
          ...others.map((figure) => [figure.title, numberText(figure.now), differenceText(figure)] as const),
        ]}
      />
      {since === undefined ? null : <p class="small quiet">Compared with {dayText(since)}.</p>}
      {counts === undefined || counts.values.length === 0 ? null : (
        <p>
          {counts.title}: {countsText(counts)}
        </p>
      )}
      {changed.length === 0 ? null : (
        <>
          <h3>What changed</h3>
          <ul class="records">
            {changed.map((change, at) => (
              <li key={at}>
                <b dir="auto">{changedRow(change, columns)}</b> <span class="quiet">{change.change}</span>{' '}
                <span dir="auto">{changedCells(change, columns)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {rows.length === 0 ? null : (
        <>
          <h3>{more === 0 ? 'Rows' : `The first ${rows.length} of ${numberText(rowCount)} rows`}</h3>
          {columns.length <= mostColumns[useNarrow() ? 'phone' : 'screen'] ? (
            <RowTable rows={rows} columns={columns} />
          ) : (
            <ul class="records">
              {rows.map((row, at) => (
                <li key={at}>
                  {columns.map(({ name, title: head, type }, place) =>
                    place === 0 ? (
                      <b key={name} dir="auto">
                        {cellText(row[name], type)}
                      </b>
                    ) : (
                      <span key={name}>
                        <span class="quiet">{head}:</span> <bdi>{cellText(row[name], type)}</bdi>
                      </span>
                    ),
                  )}
                </li>
              ))}
            </ul>
          )}
        </>
      )}
    </Panel>
  );
}

/** Columns of a table that fits. More are shown as texts. */
const mostColumns = { phone: 3, screen: 8 };

const RowTable = ({ rows, columns }: Pick<Section, 'rows' | 'columns'>) => (
  <Table
    items={[...rows.entries()]}
    keyOf={([at]) => String(at)}
    columns={columns.map(
      ({ name, title, type }): Column<[number, Section['rows'][number]]> => [
        title,
        type === 'number' ? 'w-s end wrap' : 'wrap',
        ([, row]) => <bdi>{cellText(row[name], type)}</bdi>,
      ],
    )}
  />
);

function Gaps({ gaps }: { readonly gaps: readonly Gap[] }) {
  return (
    <Panel title="What could not be read">
      <ul class="records">
        {gaps.map((gap) => (
          <li key={jobsText(gap)}>
            <b>{gap.reason}</b>
            <span>{jobsText(gap)}</span>
            {gap.outcome === undefined ? null : (
              <span class="quiet">
                {outcomeWord(gap.outcome)}, {dayText(gap.at ?? '')}
              </span>
            )}
            <span>
              <Sentence text={gap.advice} />
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
