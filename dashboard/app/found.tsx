import type { JobHistoryAnswer } from '../../src/lib/api/answers/history.ts';
import type { Api } from './api.ts';
import { Spark } from './charts.tsx';
import { count, localDay } from './format.ts';
import { rowsColumn } from './history-choice.ts';
import { jobPoints, numberOf, numberText } from './history-points.ts';
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
      `${n === 1 ? 'credential' : 'credentials'} of applications expired, or will ${typeof parameters?.['days'] === 'number' ? `within ${count(parameters['days'], 'day')}` : 'soon'}`,
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
  // A subscription that expired has more assigned than bought, so the sum is of what is left over.
  { job: 'licence-report', column: 'free', text: (n) => `more ${n === 1 ? 'licence' : 'licences'} than are assigned` },
];

const nightsShown = 30;
const dayMs = 86_400_000;
const intervalMs = 300_000;

interface Found {
  readonly key: string;
  readonly text: string;
  readonly runId: string;
  readonly startedAt: string;
  readonly number: number;
  /** In how many tenants the rows were counted. */
  readonly counted: number;
  /** Since the first run that is known, in the tenants that were counted in both: what others bring is no change. */
  readonly change:
    | { readonly now: number; readonly before: number; readonly compared: number; readonly startedAt: string }
    | undefined;
  /** For each tenant that was counted, night by night, the oldest first: tenants that failed are no change. */
  readonly values: readonly (number | undefined)[];
}

function foundIn(history: JobHistoryAnswer, { job, column = rowsColumn, value, text }: Wanted): readonly Found[] {
  const overAll = { ...history, runs: history.runs.filter(({ scope }) => scope === 'all') };
  const runs = jobPoints(overAll, column).flatMap(({ number, ...run }) =>
    number === undefined ? [] : [{ ...run, finishedAt: run.startedAt, number }],
  );
  const nights = nightsOf(runs.toReversed(), nightsShown);
  const last = nights.at(-1)?.run;
  if (last === undefined || last.number <= 0) return [];
  const { comparison } = history;
  const [now, before] = [comparison?.now, comparison?.before].map((run) => run && numberOf(run, column));
  return [
    {
      ...last,
      key: `${job} ${column} ${value}`,
      text: text(last.number, history),
      change:
        comparison === undefined || now === undefined || before === undefined
          ? undefined
          : { now, before, compared: comparison.tenants, startedAt: comparison.before.startedAt },
      values: nights.map(({ run }) => run && run.number / Math.max(1, run.counted)),
    },
  ];
}

/** Several numbers are of one history. A number that cannot be read is left out: the page of its job says why. */
async function readFound(api: Api, some: readonly Wanted[]): Promise<readonly Found[]> {
  const since = new Date(Date.now() - (nightsShown + 1) * dayMs).toISOString();
  const histories = Map.groupBy(some, ({ job, value }) => `${job} ${value}`);
  const found = [...histories.values()].map(async (numbers) => {
    const [{ job, value }] = numbers as [Wanted];
    const history = await api.jobHistory(job, { since, value, compare: 'true' }).catch(() => undefined);
    return history === undefined ? [] : numbers.flatMap((one) => foundIn(history, one));
  });
  return (await Promise.all(found)).flat();
}

/** What the nightly jobs found in all tenants that they could read, and how it developed. */
export function WhatJobsFound({ jobs }: { readonly jobs: readonly JobRuns[] }) {
  const ran = new Set(jobs.flatMap(({ job, runs }) => (runs.length > 0 ? job.name : [])));
  const some = wanted.filter(({ job }) => ran.has(job));
  const found = usePolling(
    (api) => readFound(api, some),
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
        {found.map(({ key, text, runId, number, counted, startedAt, change, values }) => (
          <li key={key}>
            <b class="n">{number.toLocaleString('en')}</b>
            <span>
              <a href={runLink(runId, 'rows')}>{text}</a>
              <span class="small">
                {' '}
                in the {count(counted, 'tenant')} read
                {Date.now() - Date.parse(startedAt) < dayMs ? '' : ` on ${localDay(startedAt)}`}
              </span>
            </span>
            <Spark values={values} label={`For each tenant, night by night: ${values.map(valueText).join(', ')}`} />
            <span class="since">{change && <Change {...change} counted={counted} />}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const valueText = (value: number | undefined): string => (value === undefined ? 'not known' : numberText(value));

/** `+4 since 3 Nov`, over the tenants read both times: `+4 in 14 of them since 3 Nov`. */
function Change({ now, before, compared, counted, startedAt }: NonNullable<Found['change']> & Pick<Found, 'counted'>) {
  const day = localDay(startedAt);
  const by = now - before;
  const some = compared === counted ? '' : ` in ${compared.toLocaleString('en')} of them`;
  const read = `${now.toLocaleString('en')}, and ${before.toLocaleString('en')} on ${day}`;
  return (
    <span title={`${read}, in ${compared === 1 ? 'the tenant' : `the ${count(compared, 'tenant')}`} read both times`}>
      {by === 0 ? (
        `as on ${day}${some}`
      ) : (
        <>
          {/* Of all of them, fewer are better. */}
          <b class={by > 0 ? 'worse' : 'better'}>
            {by > 0 ? '+' : '−'}
            {Math.abs(by).toLocaleString('en')}
          </b>
          {some} since {day}
        </>
      )}
    </span>
  );
}
