import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { Choice } from './choice.tsx';
import { useRole, useSignedIn } from './context.ts';
import { HistoryCard } from './history-card.tsx';
import { type HistoryChoice, historyLink, historyQuery, periodOf } from './history-choice.ts';
import { tenantPoints } from './history-points.ts';
import { replaceAddress, tenantLink } from './route.ts';
import { useJobs } from './nights.ts';

interface TenantOverTimeProps {
  readonly tenantId: string;
  readonly choice: HistoryChoice;
}

/** How the numbers of a job developed in a tenant. Nothing for those who may not read runs. */
export function TenantOverTime({ tenantId, choice }: TenantOverTimeProps) {
  const isReader = useRole('Runs.Read');
  const { jobs = [] } = useJobs();
  const job = choice.job ?? firstJob(jobs);
  return isReader && job !== undefined ? <OfJob tenantId={tenantId} choice={choice} jobs={jobs} job={job} /> : null;
}

/** The first job that counts something, or the first one. */
function firstJob(jobs: JobsAnswer['jobs']): string | undefined {
  const counting = jobs.find(({ columns = [] }) => columns.some(({ type }) => type === 'number'));
  return (counting ?? jobs[0])?.name;
}

interface OfJobProps extends TenantOverTimeProps {
  readonly jobs: JobsAnswer['jobs'];
  readonly job: string;
}

function OfJob({ tenantId, choice, jobs, job }: OfJobProps) {
  const { api } = useSignedIn();
  const page = tenantLink(tenantId);
  const names = jobs.map(({ name }) => name);
  return (
    <HistoryCard
      page={page}
      choice={choice}
      job={job}
      name={[tenantId, job, periodOf(choice), choice.value].join(' ')}
      load={() => api.tenantHistory(tenantId, job, historyQuery(choice, Date.now()))}
      pointsOf={tenantPoints}
    >
      <Choice
        label="Job"
        value={job}
        options={names.includes(job) ? names : [...names, job]}
        textOf={(name) => jobs.find((known) => known.name === name)?.title ?? name}
        // Another job has other columns and values.
        onChoose={(next) => replaceAddress(historyLink({ job: next, days: periodOf(choice) }, page))}
        all={false}
      />
    </HistoryCard>
  );
}
