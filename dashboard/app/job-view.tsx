import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { requestedText } from '../../src/lib/core/text.ts';
import { Sentence } from '../shared/text.tsx';
import { useMayStart } from './context.ts';
import { DialogButton } from './dialog.tsx';
import { count, relative, scheduleWords } from './format.ts';
import { Icon } from './icon.tsx';
import { StartDialog } from './start-dialog.tsx';
import { HistoryCard } from './history-card.tsx';
import { type HistoryChoice, historyLink, historyQuery, periodOf } from './history-choice.ts';
import { perTenant } from './history-points.ts';
import { Head, Panel, Time } from './pieces.tsx';
import { usePolling, useTenants } from './polling.ts';
import { CauseList } from './causes.tsx';
import { CountsBar, failedText } from './charts.tsx';
import { cellText } from '../../src/lib/api/report/report-words.ts';
import { causesOf } from '../../src/lib/api/trouble.ts';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { forRole } from './role-needed.tsx';
import { isReplaced, RunOutcome } from './run-table.tsx';
import { jobLink, replaceAddress, runLink, scheduleDocs } from './route.ts';
import { runsLink } from './view-filter.ts';
import { Choice, withChosen } from './choice.tsx';
import { markOptions } from './tenant-filter.ts';
import { readJobRuns, useJobs, useTrends } from './nights.ts';

const intervalMs = 60_000;
const runsShown = 8;

interface JobViewProps {
  readonly name: string;
  readonly choice: HistoryChoice;
}

export const JobView = forRole(['Runs.Read'], 'Job', OneJob);

/** One job, and how its numbers developed over all tenants or some. */
function OneJob({ name, choice }: JobViewProps) {
  const { jobs, failure } = useJobs();
  const job = jobs?.find((known) => known.name === name);
  const runs = usePolling((api) => api.runs(runsShown, name), `runs of ${name}`, intervalMs).value?.runs ?? [];
  return (
    <article>
      {/* Not the name first: it would be the title of the page. */}
      {jobs === undefined && failure === undefined ? null : (
        <Head
          title={job?.title ?? name}
          in={['#/jobs', 'Jobs']}
          lede={
            job === undefined ? (
              'The broker has no such job now. Its history stays as long as it is kept.'
            ) : (
              <Sentence text={job.description ?? ''} />
            )
          }
          {...(job === undefined ? {} : { about: <About job={job} /> })}
        >
          <a class="btn" href={runsLink({ job: name })}>
            Runs of this job
          </a>
          {job === undefined ? null : <Start job={job} />}
        </Head>
      )}
      <div class="cols last">
        <Failing name={name} />
        <LastRuns runs={runs} job={job} />
        <HistoryCard
          page={jobLink(name)}
          choice={choice}
          job={name}
          name={[name, periodOf(choice), choice.value, choice.tenants].join(' ')}
          load={(api) => api.jobHistory(name, historyQuery(choice))}
          pointsOf={perTenant}
          unit="a tenant"
        >
          <Tenants name={name} choice={choice} />
        </HistoryCard>
      </div>
    </article>
  );
}

type Job = JobsAnswer['jobs'][number];

interface RunsProps {
  readonly job: Job | undefined;
  /** The newest first. */
  readonly runs: readonly RunSummaryAnswer[];
}

/** In which tenants the last run failed, by cause. */
function Failing({ name }: Pick<JobViewProps, 'name'>) {
  const tenants = useTenants()?.tenants ?? [];
  const jobs = usePolling(readJobRuns, 'job runs', intervalMs).value ?? [];
  const own = jobs.map(({ job }) => job).filter((job) => job.name === name);
  const failed = tenants.filter(({ lastResults = [] }) =>
    lastResults.some(({ job, outcome }) => job === name && outcome === 'failed'),
  );
  // What failed in another job alone is not of this one. Without access, every job fails.
  const causes = causesOf(failed).flatMap((cause) => {
    const some = cause.tenants
      .map(({ results, ...each }) => ({ ...each, results: results.filter(({ job }) => job === name) }))
      .filter(({ tenant, results }) => !tenant.reachable || results.length > 0);
    return some.length === 0 ? [] : { ...cause, tenants: some };
  });
  const trendOf = useTrends(jobs, causes.length === 0 ? [] : tenants);
  if (causes.length === 0) return null;
  const named = new Set(causes.flatMap(({ tenants: some }) => some.map(({ tenant }) => tenant.tenantId)));
  return (
    <Panel title={`${count(named.size, 'tenant')} failed last time`} bare>
      <CauseList causes={causes} jobs={own} trendOf={trendOf} />
    </Panel>
  );
}

function LastRuns({ runs, job }: RunsProps) {
  if (runs.length === 0) return null;
  return (
    <Panel title="Last runs" bare>
      <ul class="list visits">
        {runs.map((run) => {
          const { runId, startedAt, outcome, tenants } = run;
          const isBefore = isReplaced(run, runs);
          return (
            <li key={runId} class={isBefore ? 'visit before' : 'visit'}>
              <a href={runLink(runId)}>
                <Time iso={startedAt} short />
              </a>
              {outcome === 'succeeded' || outcome === 'partly_failed' ? (
                <>
                  <CountsBar counts={tenants} />
                  <span class={tenants.failed === 0 ? 'quiet' : isBefore ? undefined : 'problem'}>
                    {failedText(tenants)}
                  </span>
                </>
              ) : (
                <span>
                  <RunOutcome run={run} job={job} />
                </span>
              )}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

function Start({ job }: { readonly job: Job }) {
  const mayStart = useMayStart();
  return mayStart(job) ? (
    <DialogButton class="primary" dialog={(onClose) => <StartDialog job={job} onClose={onClose} />}>
      <Icon name="play" /> {job.changes ? 'Plan…' : 'Start…'}
    </DialogButton>
  ) : null;
}

function About({ job }: { readonly job: Job }) {
  const { name, schedule, nextAt, resources, timeoutSeconds } = job;
  return (
    <>
      <span>
        job <code>{name}</code>
      </span>
      {schedule === undefined ? (
        <span>
          on demand, <a href={scheduleDocs}>how to schedule it</a>
        </span>
      ) : null}
      {nextAt === undefined ? null : (
        <span title={schedule && scheduleWords(schedule)}>
          next{' '}
          <b>
            <Time iso={nextAt} short />
          </b>{' '}
          {relative(nextAt)}
        </span>
      )}
      {job.tenants === undefined && job.except === undefined ? null : <span>tenants: {requestedText(job)}</span>}
      <span title={`At most ${timeoutSeconds} s a tenant`}>
        {job.changes ? 'changes tenants by a plan, through' : 'reads'}{' '}
        {resources.map((resource) => cellText(resource, { name: 'resource', type: 'text' })).join(', ')}
      </span>
    </>
  );
}

/** Limits the numbers to the tenants of a group or tag. The address may name any tenants. */
function Tenants({ name, choice }: JobViewProps) {
  const { tenants = [], groups = [] } = useTenants() ?? {};
  const marks = markOptions(tenants, groups);
  const names = [...marks.groups.map((group) => `group:${group}`), ...marks.tags.map((tag) => `tag:${tag}`)];
  const options = withChosen(names, choice.tenants);
  return options.length === 0 ? null : (
    <Choice
      label="Tenants"
      value={choice.tenants ?? ''}
      options={options}
      onChoose={(some) => replaceAddress(historyLink({ ...choice, tenants: some }, jobLink(name)))}
    />
  );
}
