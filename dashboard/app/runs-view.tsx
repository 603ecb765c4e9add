import { useMemo, useState } from 'preact/hooks';
import { outcomeWord, runOutcomes } from '../../src/lib/core/outcomes.ts';
import { Choice } from './choice.tsx';
import { AskDialog } from './ask-dialog.tsx';
import { useJobs, useReadsRuns, useRole, useSignedIn } from './context.ts';
import { count } from './format.ts';
import { Loaded, RoleNeeded } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { goTo } from './route.ts';
import { RunTable } from './run-table.tsx';
import { byDay, type RunsFilter, runsLink } from './runs-filter.ts';

const intervalMs = 5_000;
const maxRuns = 200;
/** Runs to show at first, and to add per click: a list of 200 is long on a phone. */
const step = 40;

export function RunsView({ filter }: { readonly filter: RunsFilter }) {
  return useReadsRuns() ? <RunList filter={filter} /> : <RoleNeeded title="Runs" role="Runs.Read" />;
}

/** The newest runs by day. The job is filtered by the API, so that runs of frequent jobs do not displace others. */
function RunList({ filter }: { readonly filter: RunsFilter }) {
  const { api } = useSignedIn();
  const { job, outcome } = filter;
  const polled = usePolling(() => api.runs(maxRuns, job), `runs ${job ?? ''}`, intervalMs);
  const titles = useJobTitles();
  const runs = polled.value?.runs ?? [];
  const shown = runs.filter((run) => outcome === undefined || run.outcome === outcome);
  const [limit, setLimit] = useState(step);
  const mayAsk = useRole('Requests.Send');
  const [asking, setAsking] = useState(false);
  const isFiltered = job !== undefined || runs.length > 0;
  return (
    <>
      <div class="title-row">
        <h2>Runs</h2>
        {mayAsk ? (
          <button type="button" onClick={() => setAsking(true)}>
            Ask many tenants
          </button>
        ) : null}
      </div>
      {asking ? <AskDialog onClose={() => setAsking(false)} /> : null}
      <Filters filter={filter} titles={titles} runs={runs} shown={polled.value && shown.length} />
      <Loaded polled={polled}>
        {() =>
          shown.length === 0 && isFiltered ? (
            <p class="quiet empty">
              No run matches the filter. <a href={runsLink({})}>Show all runs</a>
            </p>
          ) : (
            <RunTable days={byDay(shown.slice(0, limit), Date.now())} titles={titles} />
          )
        }
      </Loaded>
      {shown.length <= limit ? null : (
        <button type="button" class="start" onClick={() => setLimit(limit + step)}>
          Show more runs
        </button>
      )}
      {runs.length < maxRuns ? null : (
        <p class="quiet">
          The list has the latest {maxRuns} runs{job === undefined ? '. Choose a job for older ones.' : ' of the job.'}
        </p>
      )}
    </>
  );
}

/** Titles of the jobs by their names. */
function useJobTitles(): ReadonlyMap<string, string> {
  const { value } = usePolling(useJobs(), 'jobs', undefined);
  return useMemo(
    () => new Map([['query', 'Query'], ...(value?.jobs.map(({ name, title }) => [name, title] as const) ?? [])]),
    [value],
  );
}

function Filters(props: {
  readonly filter: RunsFilter;
  readonly titles: ReadonlyMap<string, string>;
  readonly runs: readonly { readonly job: string }[];
  /** Number of runs. Undefined until they are loaded. */
  readonly shown: number | undefined;
}) {
  const { filter, titles, runs, shown } = props;
  // A job that is no longer part of the app still has runs.
  const jobs = new Set([
    ...titles.keys(),
    ...runs.map(({ job }) => job),
    ...(filter.job === undefined ? [] : [filter.job]),
  ]);
  const show = (change: RunsFilter): void => {
    goTo(runsLink({ ...filter, ...change }));
  };
  return (
    <div class="filters">
      <Choice
        label="Job"
        value={filter.job ?? ''}
        options={[...jobs].toSorted()}
        textOf={(name) => titles.get(name) ?? name}
        onChoose={(job) => show({ job })}
      />
      <Choice
        label="Outcome"
        value={filter.outcome ?? ''}
        options={runOutcomes}
        textOf={outcomeWord}
        onChoose={(outcome) => show({ outcome })}
      />
      <span class="quiet" role="status">
        {shown === undefined ? '' : count(shown, 'run')}
      </span>
    </div>
  );
}
