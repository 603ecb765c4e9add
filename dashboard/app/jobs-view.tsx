import { useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { byTopic, topicTitle } from '../../src/lib/core/topics.ts';
import { Search, Segments } from './choice.tsx';
import { useMayStart, useRole } from './context.ts';
import { count, countOf, scheduleWords, shortLocalTime } from './format.ts';
import { Icon } from './icon.tsx';
import { type JobRuns, lastRunOf, readJobRuns } from './nights.ts';
import { Empty, Head, Loaded, NoJobs, Panel, Table, Time } from './pieces.tsx';
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
    ['Failing', ({ runs }) => isFailing(runs)],
    ['Not run lately', ({ runs }) => runs.length === 0],
  ];
  const wanted = search.trim().toLowerCase();
  const isOfKind = new Map(kinds).get(kind) ?? (() => true);
  const found = jobs.filter(
    (each) =>
      isOfKind(each) && [each.job.title, each.job.name, each.job.description].join(' ').toLowerCase().includes(wanted),
  );
  // Those that run, then the others under their topics: nobody needs them every day.
  const { used = [], others = [] } = Object.groupBy(found, (each) => (isInUse(each) ? 'used' : 'others'));
  const start = ({ job }: Pick<JobRuns, 'job'>) => mayStartOf(job) && <StartButton job={job} onStart={setStarting} />;
  return (
    <>
      <Head
        title={headline(jobs, isFailing)}
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
              {found.length === 0 ? <Empty title="No job matches the filter." /> : null}
              {used.length === 0 ? null : (
                <Panel title="On a schedule, or run lately" bare>
                  <Table<JobRuns>
                    class="jobs"
                    items={used}
                    keyOf={({ job }) => job.name}
                    columns={[
                      [
                        'Job',
                        'wrap',
                        ({ job }) => (
                          <>
                            <JobName job={job} />
                            {job.nextAt === undefined ? null : (
                              <span class="sub">
                                next <Time iso={job.nextAt} short />
                              </span>
                            )}
                          </>
                        ),
                        ({ job }) => `${job.name}. ${job.description ?? ''}`,
                      ],
                      [
                        'Last run',
                        'w-l',
                        ({ job, runs }) => [lastRunOf(runs) ?? []].flat().map((run) => <LastRun run={run} job={job} />),
                      ],
                      [
                        'Next run',
                        'w-m end p2',
                        ({ job }) => job.nextAt && <Time iso={job.nextAt} short />,
                        ({ job }) => job.schedule && scheduleWords(job.schedule),
                      ],
                      ['Start', 'w-s end', start],
                    ]}
                  />
                </Panel>
              )}
              <div class="topics">
                {topicsOf(others.map(({ job }) => job)).map(([title, some]) => (
                  <Panel key={title} title={title} bare>
                    <ul class="list">
                      {some.map((job) => (
                        <li key={job.name}>
                          <div>
                            <JobName job={job} />
                          </div>
                          {start({ job })}
                        </li>
                      ))}
                    </ul>
                  </Panel>
                ))}
              </div>
            </>
          )
        }
      </Loaded>
      {starting === undefined ? null : <StartDialog job={starting} onClose={() => setStarting(undefined)} />}
    </>
  );
}

/** Its title, and what it does in a sentence. */
const JobName = ({ job }: { readonly job: Job }) => (
  <>
    <a href={jobLink(job.name)}>{job.title}</a> {job.changes ? <span class="tag warn">changes tenants</span> : null}
    <span class="about-job small quiet"> {firstSentence(job.description)}</span>
  </>
);

const firstSentence = (text = ''): string => /^.*?\.(?=\s|$)/s.exec(text)?.[0] ?? text;

/** Jobs under their topics. Those that are alone in theirs share a heading. */
function topicsOf(jobs: readonly Job[]): readonly (readonly [title: string, jobs: readonly Job[]])[] {
  const topics = byTopic(jobs);
  const alone = topics.filter(([, { length }]) => length === 1);
  const shared = alone.length < 2 ? [] : alone;
  const title = shared.map(([topic]) => topic).join(', ');
  return [...topics.filter((topic) => !shared.includes(topic)), [title, shared.flatMap(([, some]) => some)] as const]
    .filter(([, { length }]) => length > 0)
    .map(([topic, some]) => [topicTitle(topic), some]);
}

const isInUse = ({ job, runs }: JobRuns): boolean => job.schedule !== undefined || runs.length > 0;

/** In how many something failed last time, and how many have a schedule. */
function headline(jobs: readonly JobRuns[], isFailing: ReturnType<typeof useIsFailing>): string {
  if (jobs.length === 0) return 'Jobs';
  const planned = jobs.filter(({ job }) => job.schedule !== undefined).length;
  const failed = jobs.filter(({ runs }) => isFailing(runs)).length;
  const all = count(jobs.length, 'job');
  const how = failed === 0 ? all : `${failed.toLocaleString('en')} of ${all} had failures last time`;
  return `${how}, ${planned === 0 ? 'none has' : planned === 1 ? '1 has' : `${planned.toLocaleString('en')} have`} a schedule`;
}

const LastRun = ({ run, job }: { readonly run: RunSummaryAnswer; readonly job: Job }) => (
  <a href={runLink(run.runId)} title={shortLocalTime(run.startedAt)}>
    <RunOutcome run={run} job={job} />
  </a>
);

const StartButton = ({ job, onStart }: { readonly job: Job; readonly onStart: (job: Job) => void }) => {
  const verb = job.changes ? 'Plan' : 'Start';
  return (
    <button type="button" class="bare s" onClick={() => onStart(job)} aria-label={`${verb} ${job.name}`}>
      <Icon name="play" /> {verb}
    </button>
  );
};
