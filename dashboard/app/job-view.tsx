import { useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { requestedText } from '../../src/lib/core/text.ts';
import { Sentence } from '../shared/text.tsx';
import { useMayStart } from './context.ts';
import { DialogButton } from './dialog.tsx';
import { relative, scheduleWords } from './format.ts';
import { Icon } from './icon.tsx';
import { StartDialog } from './start-dialog.tsx';
import { HistoryCard } from './history-card.tsx';
import { type HistoryChoice, historyLink, historyQuery, periodOf } from './history-choice.ts';
import { jobPoints } from './history-points.ts';
import { Head, Time } from './pieces.tsx';
import { forRole } from './role-needed.tsx';
import { jobLink, replaceAddress } from './route.ts';
import { entriesIn, runsLink } from './view-filter.ts';
import { Field } from './choice.tsx';
import { useJobs } from './nights.ts';

interface JobViewProps {
  readonly name: string;
  readonly choice: HistoryChoice;
}

export const JobView = forRole(['Runs.Read'], 'Job', OneJob);

/** One job, and how its numbers developed over all tenants or some. */
function OneJob({ name, choice }: JobViewProps) {
  const { jobs, failure } = useJobs();
  const job = jobs?.find((known) => known.name === name);
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
      <HistoryCard
        page={jobLink(name)}
        choice={choice}
        job={name}
        name={[name, periodOf(choice), choice.value, choice.tenants].join(' ')}
        load={(api) => api.jobHistory(name, historyQuery(choice))}
        pointsOf={jobPoints}
      >
        <Tenants name={name} choice={choice} />
      </HistoryCard>
    </article>
  );
}

type Job = JobsAnswer['jobs'][number];

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
      <code>{name}</code>
      {job.changes ? <span>changes tenants, by a plan</span> : null}
      <span>{schedule === undefined ? 'on demand' : scheduleWords(schedule)}</span>
      {nextAt === undefined ? null : (
        <span>
          next{' '}
          <b>
            <Time iso={nextAt} short />
          </b>{' '}
          {relative(nextAt)}
        </span>
      )}
      {job.tenants === undefined && job.except === undefined ? null : <span>tenants: {requestedText(job)}</span>}
      <span>{resources.join(', ')}</span>
      <span>at most {timeoutSeconds} s a tenant</span>
    </>
  );
}

/** Limits the sums to some tenants, when the form is sent. */
function Tenants({ name, choice }: JobViewProps) {
  const [text, setText] = useState(choice.tenants ?? '');
  const send = (event: Event): void => {
    event.preventDefault();
    replaceAddress(historyLink({ ...choice, tenants: entriesIn(text).join(',') }, jobLink(name)));
  };
  return (
    <form class="filters" onSubmit={send}>
      <Field label="Tenants" type="text" placeholder="all, or group:NAME, tag:NAME" value={text} onInput={setText} />
      <button type="submit">Show</button>
    </form>
  );
}
