import { useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { Sentence } from '../shared/text.tsx';
import { useJobs, useRole, useSignedIn } from './context.ts';
import { relative } from './format.ts';
import { HistoryCard } from './history-card.tsx';
import { type HistoryChoice, historyLink, historyQuery, periodOf } from './history-choice.ts';
import { jobPoints } from './history-points.ts';
import { RoleNeeded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { jobLink, replaceAddress } from './route.ts';
import { runsLink } from './runs-filter.ts';
import { scheduleWords } from './schedule-words.ts';

interface JobViewProps {
  readonly name: string;
  readonly choice: HistoryChoice;
}

export function JobView(props: JobViewProps) {
  return useRole('Runs.Read') ? <OneJob {...props} /> : <RoleNeeded title="Job" role="Runs.Read" />;
}

/** One job, and how its numbers developed over all tenants or some. */
function OneJob({ name, choice }: JobViewProps) {
  const { api } = useSignedIn();
  const { value, failure } = usePolling(useJobs(), 'jobs', undefined);
  const job = value?.jobs.find((known) => known.name === name);
  return (
    <article class="tenant">
      <p>
        <a href="#/jobs">Jobs</a> / <code>{name}</code>
      </p>
      <div class="title-row">
        {/* Not the name first: it would be the title of the page. */}
        {value === undefined && failure === undefined ? null : <h2>{job?.title ?? name}</h2>}
        <a href={runsLink({ job: name })}>Runs of this job</a>
      </div>
      {job === undefined ? null : <About job={job} />}
      {value !== undefined && job === undefined ? (
        <p class="quiet">The broker has no such job now. Its history stays as long as it is kept.</p>
      ) : null}
      <HistoryCard
        page={jobLink(name)}
        choice={choice}
        job={name}
        name={[name, periodOf(choice), choice.value, choice.tenants].join(' ')}
        load={() => api.jobHistory(name, historyQuery(choice, Date.now()))}
        pointsOf={jobPoints}
      >
        <Tenants name={name} choice={choice} />
      </HistoryCard>
    </article>
  );
}

function About({ job }: { readonly job: JobsAnswer['jobs'][number] }) {
  const { description, schedule, nextAt } = job;
  return (
    <>
      {description === undefined ? null : (
        <p>
          <Sentence text={description} />
        </p>
      )}
      <p class="quiet">
        {schedule === undefined ? 'Runs on demand' : scheduleWords(schedule)}
        {nextAt === undefined ? null : (
          <>
            , next <Time iso={nextAt} short /> ({relative(nextAt, Date.now())})
          </>
        )}
      </p>
    </>
  );
}

/** Limits the sums to some tenants, when the form is sent. */
function Tenants({ name, choice }: JobViewProps) {
  const [text, setText] = useState(choice.tenants ?? '');
  const send = (event: Event): void => {
    event.preventDefault();
    const tenants = text.split(/[\s,;]+/).filter((part) => part !== '');
    replaceAddress(historyLink(jobLink(name), { ...choice, tenants: tenants.join(',') }));
  };
  return (
    <form class="history-tenants" onSubmit={send}>
      <label>
        Tenants{' '}
        <input
          type="text"
          value={text}
          placeholder="all, or group:NAME, tag:NAME"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit">Show</button>
    </form>
  );
}
