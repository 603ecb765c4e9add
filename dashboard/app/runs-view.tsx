import { useCallback, useContext, useMemo, useState } from 'preact/hooks';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord, runOutcomes } from '../../src/lib/core/outcomes.ts';
import { Choice } from './choice.tsx';
import { runReaders } from './context.ts';
import { count } from './format.ts';
import { Empty, Head, Loaded } from './pieces.tsx';
import { forRole } from './role-needed.tsx';
import { usePolling } from './polling.ts';
import { goTo } from './route.ts';
import { RunTable, useIsFailing } from './run-table.tsx';
import { type RunsFilter, runsLink } from './view-filter.ts';
import { StartButtons } from './start-buttons.tsx';
import { lastRunOf, useJobs } from './nights.ts';
import { HeldPlansContext } from './waiting.tsx';

const intervalMs = 5_000;
const maxRuns = 200;

export const RunsView = forRole(runReaders, 'Runs', RunList);

/** The newest runs by day. The job is filtered by the API, so that runs of frequent jobs do not displace others. */
function RunList({ filter }: { readonly filter: RunsFilter }) {
  const { job, outcome } = filter;
  const polled = usePolling((api) => api.runs(maxRuns, job), `runs ${job ?? ''}`, intervalMs);
  const { titles, jobs } = useJobs();
  const held = new Set(useContext(HeldPlansContext).map(({ apply }) => apply?.runId));
  const isFailing = useIsFailing();
  const [night, setNight] = useState<{ readonly job: typeof job; readonly text: string | undefined }>();
  const onNight = useCallback((text: string | undefined) => setNight({ job, text }), [job]);
  const runs = polled.value?.runs ?? [];
  const shown = useMemo(
    () => runs.filter((run) => outcome === undefined || run.outcome === outcome),
    [polled.value, outcome],
  );
  const isFiltered = job !== undefined || runs.length > 0;
  return (
    <>
      <Head {...headOf(runs, held, isFailing, night?.job === job ? night?.text : undefined)} name="Runs">
        <StartButtons jobs={jobs} />
      </Head>
      <Filters filter={filter} titles={titles} runs={runs} shown={polled.value && shown.length} />
      <Loaded polled={polled}>
        {() =>
          shown.length === 0 && isFiltered ? (
            <Empty title="No run matches the filter." />
          ) : (
            <RunTable runs={shown} jobs={jobs} all={runs} onNight={outcome === undefined ? onNight : undefined} />
          )
        }
      </Loaded>
      {runs.length < maxRuns ? null : (
        <p class="quiet">
          The list has the latest {maxRuns} runs{job === undefined ? '. Choose a job for older ones.' : ' of the job.'}
        </p>
      )}
    </>
  );
}

/**
 * How the last night went, and below it what is under way or waits, also of queries.
 * @param night the title. Without it, the title says in how many jobs something failed last time.
 */
function headOf(
  runs: readonly RunSummaryAnswer[],
  held: ReadonlySet<string | undefined>,
  isFailing: ReturnType<typeof useIsFailing>,
  night: string | undefined,
): { readonly title: string; readonly lede?: string } {
  const byJob = [...Map.groupBy(runs, ({ job }) => job).values()];
  const open = byJob.flatMap((some) => lastRunOf(some) ?? []).filter(({ finishedAt }) => finishedAt === undefined);
  const waiting = open.filter(({ runId }) => held.has(runId)).length;
  const active = open.length - waiting;
  const jobs = byJob.filter(([newest]) => newest?.query === undefined);
  const troubled = jobs.filter(isFailing).length;
  const now = [
    active === 0 ? [] : `${count(active, 'run')} under way`,
    waiting === 0 ? [] : `${count(waiting, 'run')} ${waiting === 1 ? 'waits' : 'wait'} for you`,
  ].flat();
  const last =
    troubled === 0
      ? 'The last run of each job went well'
      : jobs.length === 1
        ? 'The last run had failures'
        : `${troubled.toLocaleString('en')} of ${count(jobs.length, 'job')} had failures last time`;
  const title = night ?? (jobs.length === 0 ? 'Runs' : last);
  // A run that could not go on belongs to no night.
  const lede = [night !== undefined && troubled > 0 && jobs.length > 1 ? last : [], now].flat();
  return lede.length === 0 ? { title } : { title, lede: `${lede.join(', ')}.` };
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
    'query',
    ...titles.keys(),
    ...runs.map(({ job }) => job),
    ...(filter.job === undefined ? [] : [filter.job]),
  ]);
  const show = (change: Readonly<Partial<Record<'job' | 'outcome', string>>>): void =>
    goTo(runsLink({ ...filter, ...change }));
  return (
    <div class="filters">
      <Choice
        label="Job"
        value={filter.job ?? ''}
        options={[...jobs].toSorted()}
        textOf={(name) => titles.get(name) ?? (name === 'query' ? 'Query' : name)}
        onChoose={(job) => show({ job })}
      />
      <Choice
        label="Outcome"
        value={filter.outcome ?? ''}
        options={runOutcomes}
        textOf={outcomeWord}
        onChoose={(outcome) => show({ outcome })}
      />
      {runsLink(filter) === runsLink({}) ? null : <a href={runsLink({})}>Clear filter</a>}
      <span class="quiet" role="status">
        {shown === undefined ? '' : count(shown, 'run')}
      </span>
    </div>
  );
}
