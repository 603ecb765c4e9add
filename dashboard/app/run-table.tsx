import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { CountsBar, countsText } from './counts.tsx';
import { count, duration, relative } from './format.ts';
import { Badge, Clock, OutcomeBadge } from './pieces.tsx';
import { runLink } from './route.ts';
import type { DayOfRuns } from './runs-filter.ts';

const columns = ['Job', 'Outcome', 'Started', 'Duration', 'Tenants', 'Started by'];

interface RunTableProps {
  readonly days: readonly DayOfRuns[];
  /** Titles of the jobs by their names. */
  readonly titles?: ReadonlyMap<string, string>;
}

/** Runs under the days that they started on. On a narrow screen each run is a card. */
export function RunTable({ days, titles = new Map() }: RunTableProps) {
  if (days.length === 0)
    return <p class="quiet empty">There are no runs. Jobs start on their schedule or from the Jobs view.</p>;
  return (
    <div class="scroll">
      <table class="runs">
        <thead>
          <tr>
            {columns.map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        {days.map(({ title, runs }) => (
          <tbody key={title}>
            <tr class="day">
              <th scope="rowgroup" colSpan={columns.length}>
                {title}
              </th>
            </tr>
            {runs.map((run) => (
              <RunRow key={run.runId} run={run} title={titleOf(run, titles)} />
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}

/** The title of the job, or what a run without a job is. */
const titleOf = (
  { job, query }: Pick<RunSummaryAnswer, 'job' | 'query'>,
  titles: ReadonlyMap<string, string>,
): string => (query === undefined ? (titles.get(job) ?? job) : 'Query');

function RunRow({ run, title }: { readonly run: RunSummaryAnswer; readonly title: string }) {
  const { runId, outcome, warnings, startedAt, durationMs, finishedAt } = run;
  return (
    <tr>
      <th scope="row">
        <a href={runLink(runId)}>{title}</a>
        {run.query === undefined ? null : <code class="sent quiet below">GET {run.query}</code>}
        {run.query !== undefined || title === run.job ? null : <span class="quiet below">{run.job}</span>}
      </th>
      <td>
        <OutcomeBadge outcome={outcome} />{' '}
        {warnings.length === 0 ? null : <Badge state="degraded">{count(warnings.length, 'warning')}</Badge>}
      </td>
      <td>
        <Clock iso={startedAt} /> <span class="quiet below">{relative(startedAt, Date.now())}</span>
      </td>
      <td class="number">
        <span class="quiet">{finishedAt === undefined ? 'so far ' : ''}</span>
        {duration(durationMs)}
      </td>
      <td class="counts">
        <Tenants run={run} />
      </td>
      <td class="quiet">
        <StartedBy run={run} />
      </td>
    </tr>
  );
}

/** The schedule, the name of a person, or the start of the application id of a caller: the ids are in its title. */
export function StartedBy({ run }: { readonly run: Pick<RunSummaryAnswer, 'startedBy' | 'starter'> }) {
  const { startedBy: name, starter } = run;
  if (name === 'timer') return <>schedule</>;
  const ids = `Application id ${name}${starter === undefined ? '' : `, object id ${starter.objectId}`}`;
  if (starter?.name !== undefined) return <span title={ids}>{starter.name}</span>;
  const [start = name] = name.split('-');
  return start === name ? <>{name}</> : <span title={ids}>application {start}…</span>;
}

/** The list knows the counts of a run in progress only once it has ended. */
function Tenants({ run: { tenants, outcome, finishedAt } }: { readonly run: RunSummaryAnswer }) {
  if (finishedAt === undefined)
    return <span class="quiet">{outcome === 'starting' ? 'listing tenants' : count(tenants.total, 'tenant')}</span>;
  return (
    <>
      <CountsBar counts={tenants} /> <span>{countsText(tenants)}</span>
    </>
  );
}
