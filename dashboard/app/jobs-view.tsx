import { useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { byTopic, topicTitle } from '../../src/lib/core/topics.ts';
import { Search, Segments } from './choice.tsx';
import { useMayStart, useRole } from './context.ts';
import { count, countOf, firstSentence, scheduleWords } from './format.ts';
import { Icon } from './icon.tsx';
import { type JobRuns, lastRunOf, readJobRuns, useAlike } from './nights.ts';
import { type Column, Empty, Head, Loaded, NoJobs, Table, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { jobLink, runLink, scheduleDocs } from './route.ts';
import { RunOutcome, useIsFailing } from './run-table.tsx';
import { StartDialog } from './start-dialog.tsx';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';

const intervalMs = 15_000;

type Job = JobsAnswer['jobs'][number];

export const JobsView = forRole(['Runs.Read'], 'Jobs', JobList);

function JobList() {
  const polled = usePolling((api) => readJobRuns(api), 'job runs', intervalMs);
  const mayStart = useRole('Runs.Write');
  const mayStartOf = useMayStart();
  const [starting, setStarting] = useState<Job>();
  const jobs = polled.value ?? [];
  const [search, setSearch] = useState('');
  const [kind, setKind] = useState('All');
  const isFailing = useIsFailing();
  /** What a reader may look for. */
  const kinds: readonly (readonly [kind: string, isOfIt: (job: JobRuns) => boolean])[] = [
    ['All', () => true],
    ['On a schedule', ({ job }) => job.schedule !== undefined],
    ['With failed tenants', ({ runs }) => isFailing(runs)],
  ];
  const wanted = search.trim().toLowerCase();
  const isOfKind = new Map(kinds).get(kind) ?? (() => true);
  const found = jobs.filter(
    (each) =>
      isOfKind(each) && [each.job.title, each.job.name, each.job.description].join(' ').toLowerCase().includes(wanted),
  );
  const { failed, runIds } = useAlike(jobs);
  const isAlike = ({ runs }: JobRuns): boolean => runIds.includes(lastRunOf(runs)?.runId ?? '');
  const groups = groupsOf(found, (each) => isFailing(each.runs) && !isAlike(each));
  // What is the same in all of them is said at the first one.
  const [, ...repeated] = groups.flatMap(({ items }) => items.filter(isAlike));
  const columns: readonly Column<JobRuns>[] = [
    [
      'Job',
      'wrap',
      ({ job }) => (
        <>
          <a href={jobLink(job.name)}>{job.title}</a> {job.changes ? <span class="tag warn">changes</span> : null}
          <span class="sub">{firstSentence(job.description)}</span>
        </>
      ),
      ({ job }) => job.name,
    ],
    [
      'What it does',
      'does wrap quiet',
      ({ job }) => <span>{firstSentence(job.description)}</span>,
      ({ job }) => job.description,
    ],
    [
      'Last run',
      'w-l wrap',
      (each) =>
        [lastRunOf(each.runs) ?? []]
          .flat()
          .map((run) => <LastRun run={run} job={each.job} same={repeated.includes(each) ? failed : undefined} />),
    ],
    [
      'Next run',
      'w-m end p2',
      ({ job }) => job.nextAt && <Time iso={job.nextAt} short />,
      ({ job }) => job.schedule && scheduleWords(job.schedule),
    ],
    ...(jobs.some(({ job }) => mayStartOf(job))
      ? [
          [
            'Start',
            'w-s',
            ({ job }: JobRuns) => mayStartOf(job) && <StartButton job={job} onStart={setStarting} />,
          ] as const,
        ]
      : []),
  ];
  return (
    <>
      <Head
        title={headline(jobs)}
        name="Jobs"
        lede={
          mayStart ? (
            <>
              A schedule is part of a job: <a href={scheduleDocs}>how to set it</a>.
            </>
          ) : (
            <>
              The token lacks the app role <code>Runs.Write</code>, so you cannot start runs.
            </>
          )
        }
      />
      <Loaded polled={polled}>
        {() =>
          jobs.length === 0 ? (
            <NoJobs />
          ) : (
            <>
              <div class="filters">
                <Search value={search} placeholder="Name of a job" onInput={setSearch} />
                <Segments
                  label="Show"
                  value={kind}
                  options={kinds.map(([name, isOf]) => [name, name, jobs.filter(isOf).length] as const)}
                  onChoose={setKind}
                />
                <span class={found.length === jobs.length ? 'visually-hidden' : 'quiet'} role="status">
                  {countOf(found.length, jobs.length, 'job')}
                </span>
              </div>
              {found.length === 0 ? (
                <Empty title="No job matches the filter." />
              ) : (
                <div class="panel">
                  <Table<JobRuns>
                    class="jobs"
                    columns={columns}
                    items={found}
                    keyOf={({ job }) => job.name}
                    wideOf={(each) =>
                      isInUse(each)
                        ? undefined
                        : [1, 3, <span class="quiet">{firstSentence(each.job.description)}</span>]
                    }
                    groupsOf={() => groups}
                  />
                </div>
              )}
            </>
          )
        }
      </Loaded>
      {starting === undefined ? null : <StartDialog job={starting} onClose={() => setStarting(undefined)} />}
    </>
  );
}

/**
 * Those on a schedule as they run next, and those that ran lately, then the others under their topics: nobody needs them every day.
 * Those alone in theirs share a heading.
 * @param isBroken comes first. A job that failed where others did, too, keeps its place: the cause is in the tenant.
 */
function groupsOf(jobs: readonly JobRuns[], isBroken: (each: JobRuns) => boolean) {
  const sorted = jobs.toSorted(
    (a, b) => Number(isBroken(b)) - Number(isBroken(a)) || (a.job.nextAt ?? '~').localeCompare(b.job.nextAt ?? '~'),
  );
  const {
    planned = [],
    lately = [],
    others = [],
  } = Object.groupBy(sorted, ({ job, runs }) =>
    job.schedule !== undefined ? 'planned' : runs.length > 0 ? 'lately' : 'others',
  );
  const topics = byTopic(others.map((each) => ({ ...each, topic: each.job.topic })));
  const alone = topics.filter(([, { length }]) => length === 1);
  const shared = alone.length < 2 ? [] : alone;
  return [
    ['on a schedule', planned] as const,
    ['run lately', lately] as const,
    ...topics.filter((topic) => !shared.includes(topic)),
    [shared.map(([topic]) => topic).join(', '), shared.flatMap(([, some]) => some)] as const,
  ]
    .filter(([, { length }]) => length > 0)
    .map(([title, items]) => ({
      title: topicTitle(title),
      head: (
        <>
          <span class="quiet">{items.length}</span> <b>{topicTitle(title)}</b>
        </>
      ),
      items,
    }));
}

const isInUse = ({ job, runs }: JobRuns): boolean => job.schedule !== undefined || runs.length > 0;

/** How many there are, and how many run by themselves: which of them failed is in their rows and in the filter. */
function headline(jobs: readonly JobRuns[]): string {
  if (jobs.length === 0) return 'Jobs';
  const planned = jobs.filter(({ job }) => job.schedule !== undefined).length;
  return `${count(jobs.length, 'job')}, ${planned === 0 ? 'none' : planned.toLocaleString('en')} on a schedule`;
}

function LastRun(props: {
  readonly run: RunSummaryAnswer;
  readonly job: Job;
  /** In how many tenants it failed, if these are those of a job above it. */
  readonly same: number | undefined;
}) {
  const { run, job, same } = props;
  return (
    <>
      <a href={runLink(run.runId)}>
        {same === undefined ? (
          <RunOutcome run={run} job={job} />
        ) : (
          <span class="quiet">the same {same === 1 ? 'tenant' : count(same, 'tenant')} failed</span>
        )}
      </a>
      <span class="small quiet">
        <Time iso={run.startedAt} short />
      </span>
    </>
  );
}

const StartButton = ({ job, onStart }: { readonly job: Job; readonly onStart: (job: Job) => void }) => {
  const verb = job.changes ? 'Plan' : 'Start';
  return (
    <button type="button" class="bare s" onClick={() => onStart(job)} aria-label={`${verb} ${job.name}`}>
      <Icon name="play" /> {verb}
    </button>
  );
};
