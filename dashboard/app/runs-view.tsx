import { useState } from 'preact/hooks';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { useRole, useSignedIn } from './context.ts';
import { CountsBar, countsText } from './counts.tsx';
import { count, duration } from './format.ts';
import { Badge, Failure, Loading, RoleNeeded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { runLink } from './route.ts';

const everyMs = 5_000;
const listed = 200;

export function RunsView() {
  return useRole('Runs.Read') ? <RunList /> : <RoleNeeded title="Runs" role="Runs.Read" />;
}

function RunList() {
  const { api } = useSignedIn();
  const { value, failure } = usePolling(() => api.runs(listed), 'runs', everyMs);
  const [job, setJob] = useState('');
  const [status, setStatus] = useState('');
  const runs = value?.runs ?? [];
  const shown = runs.filter((run) => (job === '' || run.job === job) && (status === '' || run.status === status));
  return (
    <>
      <h2>Runs</h2>
      <div class="filters">
        <Choice
          label="Job"
          value={job}
          options={[...new Set(runs.map((run) => run.job))].toSorted()}
          onChoose={setJob}
        />
        <Choice
          label="Status"
          value={status}
          options={['pending', 'running', 'completed', 'failed', 'cancelled']}
          onChoose={setStatus}
        />
        {value === undefined ? null : <span class="quiet">{count(shown.length, 'run')}</span>}
      </div>
      <Failure failure={failure} />
      {value === undefined ? (
        failure === undefined ? (
          <Loading />
        ) : null
      ) : shown.length === 0 && runs.length > 0 ? (
        <p class="quiet">No run matches the filter. It looks at the latest {listed}.</p>
      ) : (
        <RunTable runs={shown} />
      )}
    </>
  );
}

export function Choice(props: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly onChoose: (value: string) => void;
}) {
  return (
    <label>
      {props.label}{' '}
      <select value={props.value} onChange={(event) => props.onChoose(event.currentTarget.value)}>
        <option value="">all</option>
        {props.options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}

export function RunTable({ runs }: { readonly runs: readonly RunSummaryAnswer[] }) {
  if (runs.length === 0)
    return <p class="quiet">There are no runs. A job starts by its schedule, or from the view Jobs.</p>;
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">Status</th>
            <th scope="col">Started</th>
            <th scope="col">Took</th>
            <th scope="col">Tenants</th>
            <th scope="col">By</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.runId}>
              <th scope="row">
                <a href={runLink(run.runId)}>{run.job}</a>
              </th>
              <td>
                <Badge state={run.status} />{' '}
                {run.warnings.length === 0 ? null : (
                  <Badge state="degraded">{count(run.warnings.length, 'warning')}</Badge>
                )}
              </td>
              <td>
                <Time iso={run.startedAt} />
              </td>
              <td class="number">{duration(run.durationMs)}</td>
              <td class="counts">
                {run.finishedAt === undefined ? (
                  <span class="quiet">
                    {run.tenants.total === 0 ? 'being listed' : count(run.tenants.total, 'tenant')}
                  </span>
                ) : (
                  <>
                    <CountsBar counts={run.tenants} /> <span>{countsText(run.tenants)}</span>
                  </>
                )}
              </td>
              <td class="quiet short">{run.startedBy}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
