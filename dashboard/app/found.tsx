import type { JobHistoryAnswer } from '../../src/lib/api/answers/history.ts';
import type { Api } from './api.ts';
import { Spark } from './charts.tsx';
import { count } from './format.ts';
import { type JobRuns, nightsOf } from './nights.ts';
import { Panel } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { runLink } from './route.ts';
import { useNarrow } from './virtual-rows.tsx';

/** What a job of the broker counts that somebody should know. Of other jobs, nobody knows what their numbers mean. */
interface Wanted {
  readonly job: string;
  /** The column whose sum it is. Default: the number of rows. */
  readonly column?: string;
  /** Only rows with this value of the column by which the job splits its history. */
  readonly value?: string;
  /** Follows the number. */
  readonly text: (n: number, history: JobHistoryAnswer) => string;
}

/** The worst first. */
const wanted: readonly Wanted[] = [
  {
    job: 'mfa-report',
    value: 'none',
    text: (n) => `${n === 1 ? 'account has' : 'accounts have'} registered no second factor`,
  },
  {
    job: 'secret-expiry-report',
    text: (n, { parameters }) =>
      `${n === 1 ? 'credential' : 'credentials'} of applications expired, or will within ${count(Number(parameters?.['days']), 'day')}`,
  },
  {
    job: 'licence-report',
    column: 'suspended',
    text: (n) => `${n === 1 ? 'licence is' : 'licences are'} suspended`,
  },
  {
    job: 'licence-report',
    column: 'warning',
    text: (n) => `${n === 1 ? 'licence is' : 'licences are'} in a grace period`,
  },
  {
    job: 'licence-report',
    column: 'free',
    text: (n) => `${n === 1 ? 'licence is' : 'licences are'} assigned to nobody`,
  },
];

const nightsShown = 30;
const dayMs = 86_400_000;
const intervalMs = 300_000;

interface Found {
  readonly key: string;
  readonly text: string;
  readonly runId: string;
  /** Tenants whose rows were counted. */
  readonly tenants: number;
  /** Night by night, the oldest first. */
  readonly values: readonly (number | undefined)[];
}

async function readFound(api: Api, { job, column, value, text }: Wanted): Promise<readonly Found[]> {
  const since = new Date(Date.now() - (nightsShown + 1) * dayMs).toISOString();
  const history = await api.jobHistory(job, { since, value });
  const runs = history.runs.flatMap((run) =>
    run.scope === 'all'
      ? [{ ...run, finishedAt: run.startedAt, number: column ? run.numbers?.[column] : run.rows }]
      : [],
  );
  const nights = nightsOf(runs, nightsShown);
  const last = nights.at(-1)?.run;
  if (last?.number === undefined || last.number === 0) return [];
  return [
    {
      key: `${job} ${column} ${value}`,
      text: text(last.number, history),
      runId: last.runId,
      tenants: last.counted,
      values: nights.map(({ run }) => run?.number),
    },
  ];
}

/** What the nightly jobs found in all tenants that they could read, and how it developed. */
export function WhatJobsFound({ jobs }: { readonly jobs: readonly JobRuns[] }) {
  const ran = new Set(jobs.flatMap(({ job, runs }) => (runs.length > 0 ? job.name : [])));
  const some = wanted.filter(({ job }) => ran.has(job));
  const found = usePolling(
    // A number that cannot be read is left out: the page of its job says why.
    async (api) => (await Promise.all(some.map((each) => readFound(api, each).catch(() => [])))).flat(),
    `found by ${[...new Set(some.map(({ job }) => job))].join()}`,
    intervalMs,
  ).value;
  const isNarrow = useNarrow();
  if (found === undefined || found.length === 0) return null;
  return (
    <Panel
      title="What the jobs found"
      more={isNarrow ? null : <span class="small">curves: last {nightsShown} nights</span>}
      bare
    >
      <ul class="list found">
        {found.map(({ key, text, runId, tenants, values }) => (
          <li key={key}>
            <b class="n">{values.at(-1)?.toLocaleString('en')}</b>
            <span>
              <a href={runLink(runId, 'rows')}>{text}</a>
              <span class="small"> in the {count(tenants, 'tenant')} read</span>
            </span>
            <Spark values={values} label={`Night by night: ${values.map((n) => n ?? 'not known').join(', ')}`} />
            <span class="since">{changeIn(values)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** `+4 in 30 nights`, since the first night that is known. */
function changeIn(values: Found['values']): string {
  const from = values.findIndex((value) => value !== undefined);
  const nights = values.length - from;
  const change = (values.at(-1) ?? 0) - (values[from] ?? 0);
  if (nights < 2) return '';
  return change === 0
    ? `as ${nights} nights ago`
    : `${change > 0 ? '+' : '−'}${Math.abs(change).toLocaleString('en')} in ${nights} nights`;
}
