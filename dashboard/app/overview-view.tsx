import { useContext } from 'preact/hooks';
import type { TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { Notice, Warnings } from '../shared/text.tsx';
import { Findings } from './broker-health.tsx';
import { WhatJobsFound } from './found.tsx';
import { PartyName, titleInWords } from './approval-facts.tsx';
import { Causes, InPartnerCenter } from './causes.tsx';
import { CountsBar, countsText, FailureBars } from './charts.tsx';
import { useRole } from './context.ts';
import { useDeciding } from './decision-buttons.tsx';
import { count, localClock, localDay, relative } from './format.ts';
import {
  type JobRuns,
  lastRunOf,
  mainJob,
  mostNights,
  newsOf,
  nightsOf,
  readHistory,
  readJobRuns,
  useAlike,
  useFailures,
  useTrends,
} from './nights.ts';
import { Clock, Connection, Head, Loaded, NoJobs, Panel, Table, ToneBadge } from './pieces.tsx';
import { type Polled, usePolling } from './polling.ts';
import { stateOf } from './plan-words.ts';
import { RunOutcome } from './run-table.tsx';
import { approvalLink, planLink, runLink, tenantLink } from './route.ts';
import { type AuditFilter, auditLink, runsLink } from './view-filter.ts';
import { readPeriod } from './audit-period.tsx';
import { StartButtons } from './start-buttons.tsx';
import { isApply, tenantsLink } from './tenant-filter.ts';
import { areResultsKnown, causesOf, endsSoon, type Tenant, titleOf, troublesOf } from '../../src/lib/api/trouble.ts';
import { useNarrow } from './virtual-rows.tsx';
import { HeldPlansContext, WaitingContext } from './waiting.tsx';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';

const healthIntervalMs = 30_000;
const runsIntervalMs = 15_000;
const tenantsIntervalMs = 60_000;
const historyIntervalMs = 300_000;
const dayMs = 86_400_000;
/** Nights in the chart at least. It says how many failed so many nights ago. */
const trendNights = 14;

/** How many customers need me, is it better or worse, why, and what helps? Then what waits, what ends, and the jobs. */
export function OverviewView() {
  const [showsTenants, showsRuns] = [useRole('Tenants.Read'), useRole('Runs.Read')];
  const health = usePolling((api) => api.health(), 'health', healthIntervalMs);
  const tenants = usePolling(async (api) => (showsTenants ? api.tenants() : undefined), 'tenants', tenantsIntervalMs);
  const jobs = usePolling(async (api) => (showsRuns ? readJobRuns(api) : undefined), 'job runs', runsIntervalMs);
  const report = health.value !== undefined && 'applications' in health.value ? health.value : undefined;
  const main = mainJob(jobs.value ?? []);
  const past = usePolling(
    async (api) => (main === undefined ? [] : readHistory(api, main.job.name, mostNights)),
    `nights of ${main?.job.name}`,
    historyIntervalMs,
  ).value;
  const kept = main?.runs ?? [];
  // The history has a run when it has ended and for longer, and the list of runs knows the newest ones sooner.
  const older = (past ?? []).filter(({ runId }) => kept.every((run) => run.runId !== runId));
  const nights = nightsOf([...kept, ...older], mostNights, trendNights);
  const trendOf = useTrends(jobs.value ?? [], tenants.value?.tenants ?? []);
  const narrow = useNarrow();
  const curves = causesOf(tenants.value?.tenants ?? []).map((cause) => trendOf(cause)?.values.length ?? 0);
  const longest = Math.max(0, ...curves);
  const more = (
    <>
      {longest < 2 || narrow ? null : <span class="small">curves: last {longest} nights</span>}
      <a href="#/tenants">All tenants</a>
    </>
  );
  return (
    <>
      <Head
        title={headline(tenants.value?.tenants)}
        name="Overview"
        lede={<Lede answer={tenants.value} nights={nights} />}
      >
        <StartButtons jobs={jobs.value?.map(({ job }) => job)} />
      </Head>
      <Connection of={[health, tenants, jobs]} />
      {health.value !== undefined && report === undefined ? (
        <Notice kind="plain">
          The token has no app role of the broker, so the broker shows only its status: {health.value.status}.
        </Notice>
      ) : null}
      {report === undefined ? null : <Findings report={report} />}
      <Warnings texts={tenants.value?.warnings} />
      {main === undefined || nights.length === 0 ? null : <NightBars job={main.job} nights={nights} kept={kept} />}
      {narrow ? <WaitsForYou /> : null}
      <div class="cols">
        <div class="stack">
          {showsTenants ? (
            <Panel title="What is wrong" more={more} bare>
              <Loaded polled={tenants} isPart>
                {(answer) => <Causes answer={answer} jobs={jobs.value?.map(({ job }) => job)} trendOf={trendOf} />}
              </Loaded>
            </Panel>
          ) : null}
          {jobs.value === undefined ? null : <WhatJobsFound jobs={jobs.value} />}
          {showsRuns ? <Jobs polled={jobs} /> : null}
        </div>
        <div class="stack">
          {narrow ? null : <WaitsForYou />}
          {tenants.value === undefined ? null : <EndingRelationships tenants={tenants.value.tenants} />}
          {useRole('Audit.Read') ? <LastDay /> : null}
        </div>
      </div>
    </>
  );
}

function headline(tenants: readonly Tenant[] | undefined): string {
  if (tenants === undefined) return 'Overview';
  const troubled = tenants.filter((tenant) => troublesOf(tenant).length > 0).length;
  const isKnown = areResultsKnown(tenants);
  if (tenants.length === 0) return 'There are no tenants yet';
  if (troubled === 0) return isKnown ? 'No tenant needs you' : 'It is not known which tenants need you';
  const all = count(tenants.length, 'tenant');
  return `${isKnown ? '' : 'At least '}${troubled.toLocaleString('en')} of ${all} ${troubled === 1 ? 'needs' : 'need'} you`;
}

function Lede({ answer, nights }: { readonly answer: TenantsAnswer | undefined; readonly nights: Nights }) {
  if (answer === undefined) return null;
  const { tenants } = answer;
  const looked = Date.parse(answer.asOf) > Date.now() - 60_000 ? 'just now' : relative(answer.asOf);
  const parts = partsOf(tenants, nights);
  return (
    <>
      {parts === '' ? '' : `${parts}. `}
      As of {localClock(answer.asOf, false)}, {looked}.
    </>
  );
}

/**
 * What the number of the title is the sum of: `5 failed (2 two weeks ago), 1 has no valid relationship`. Those that failed are
 * those of the chart.
 */
function partsOf(tenants: readonly Tenant[], nights: Nights): string {
  const troubled = tenants.filter((tenant) => troublesOf(tenant).length > 0);
  const kinds = Map.groupBy(troubled, ({ lastResults = [], reachable }) => {
    if (lastResults.some((result) => result.outcome === 'failed' && !isApply(result))) return 'failed';
    return reachable ? 'change' : 'relationship';
  });
  const n = (kind: 'failed' | 'change' | 'relationship'): number => kinds.get(kind)?.length ?? 0;
  const [failed, changes, lost] = [n('failed'), n('change'), n('relationship')];
  const [before, last] = [nights.at(-1 - trendNights)?.run, nights.at(-1)?.run];
  // Other numbers are not of the same job, and those of an old run are not of two weeks ago.
  const isLate = Date.now() - Date.parse(last?.startedAt ?? '') > 2 * dayMs;
  const then =
    before === undefined || last?.tenants.failed !== failed || isLate
      ? ''
      : ` (${before.tenants.failed.toLocaleString('en')} two weeks ago)`;
  return [
    failed === 0 ? [] : `${failed.toLocaleString('en')} failed${then}`,
    changes === 0 ? [] : changes === 1 ? '1 lacks a change' : `${changes.toLocaleString('en')} lack changes`,
    lost === 0 ? [] : `${lost.toLocaleString('en')} ${lost === 1 ? 'has' : 'have'} no valid relationship`,
  ]
    .flat()
    .join(', ');
}

type Nights = ReturnType<typeof nightsOf>;

/** Failures night by night. */
function NightBars(props: {
  readonly job: JobRuns['job'];
  readonly nights: Nights;
  /** The runs that the broker still has, the newest first: the others are in the history alone. */
  readonly kept: readonly RunSummaryAnswer[];
}) {
  const { job, nights, kept } = props;
  const steepest = useSteepest(nights, kept);
  // There is no place for its cause on a phone, and the run tells it.
  const isNarrow = useNarrow();
  const note = steepest && { ...steepest, text: `${steepest.text}${isNarrow ? '' : steepest.cause}` };
  const runs = nights.flatMap(({ run }) => run ?? []);
  const failed = runs.map(({ tenants }) => tenants.failed);
  const visited = runs.map(({ tenants }) => tenants.total);
  const [least, most] = [Math.min(...visited), Math.max(...visited)];
  const day = (ms = 0): string => localDay(new Date(ms).toISOString());
  const last = nights.at(-1)?.dayMs ?? 0;
  const nightsInWords = runs.length === 1 ? 'one night' : `each of ${count(runs.length, 'night')}`;
  const label = `Tenants that failed in ${nightsInWords}: ${failed.at(-1)} in the last, ${Math.max(...failed)} at the worst`;
  return (
    <section aria-labelledby="nights-title" class="nights">
      <div class="pair">
        <h2 id="nights-title">Tenants that failed, night by night</h2>
        <span class="small" title={`by “${job.title}”`}>
          {least === most ? '' : `${least.toLocaleString('en')} ${most - least === 1 ? 'or' : 'to'} `}
          {count(most, 'tenant')} visited in {nightsInWords}
        </span>
      </div>
      <FailureBars
        label={label}
        note={note}
        ends={[
          day(nights[0]?.dayMs),
          day(nights[Math.floor(nights.length / 2)]?.dayMs),
          Date.now() - last < dayMs ? 'last night' : day(last),
        ]}
        bars={nights.map(({ dayMs, run }) =>
          run === undefined
            ? { key: String(dayMs), title: `${day(dayMs)}: no run`, value: undefined }
            : {
                key: run.runId,
                title: `${day(dayMs)}: ${run.tenants.failed} failed, ${run.tenants.succeeded} succeeded`,
                value: run.tenants.failed,
                ...(kept.some(({ runId }) => runId === run.runId) ? { href: runLink(run.runId) } : {}),
              },
        )}
      />
    </section>
  );
}

/**
 * The night in which the failures rose most: by how many, and for what cause if all tenants that are new have the same.
 * Undefined for a rise by one, which says little. Without the run of that night, its cause is not known.
 */
function useSteepest(nights: Nights, kept: readonly RunSummaryAnswer[]) {
  const failed = nights.map(({ run }) => run?.tenants.failed);
  const rises = failed.map((now, at) => (now ?? 0) - (at === 0 ? (now ?? 0) : (failed[at - 1] ?? now ?? 0)));
  const most = Math.max(...rises);
  const at = rises.lastIndexOf(most);
  const wanted = most < 2 ? [] : [nights[at - 1], nights[at]];
  const runs = wanted.flatMap((night) => kept.find(({ runId }) => runId === night?.run?.runId) ?? []);
  const [before, then] = useFailures(runs, kept);
  if (most < 2) return undefined;
  const text = `${localDay(nights[at]?.run?.startedAt ?? '')}: ${most.toLocaleString('en')} more failed`;
  if (before === undefined || then === undefined) return { at, text, cause: '' };
  const codes = new Set(newsOf([[then, before]]).fails.map((id) => then.codes.get(id) ?? ''));
  const cause = codes.size === 1 ? `, “${[...codes].map(titleOf).join()}”` : '';
  return { at, text, cause, href: runLink(then.run.runId) };
}

/** Each job that runs by itself or ran lately: its last run, how many tenants answered, and when it runs next. */
function Jobs({ polled }: { readonly polled: Polled<readonly JobRuns[] | undefined> }) {
  const shown = (polled.value ?? []).filter(isShown);
  const { failed, runIds } = useAlike(shown);
  const alike = runIds.length;
  const more = (
    <>
      {alike === 0 ? null : (
        <span class="small">
          {failed === 1 ? 'The same tenant' : `The same ${count(failed, 'tenant')}`} failed in{' '}
          {alike === shown.length ? `all ${alike}` : `${alike} of them`}
        </span>
      )}
      <a href="#/runs">All runs</a>
    </>
  );
  return (
    <Panel title="Jobs" more={more} bare>
      <Loaded polled={polled} isPart>
        {(jobs) => <JobTable jobs={jobs} isSaid={alike > 0 && alike === shown.length} />}
      </Loaded>
    </Panel>
  );
}

/** @param props.isSaid the heading says in how many tenants each job failed. */
function JobTable({ jobs, isSaid }: { readonly jobs: readonly JobRuns[]; readonly isSaid: boolean }) {
  const shown = jobs.filter(isShown).map((one) => ({ ...one, last: lastRunOf(one.runs) }));
  if (jobs.length === 0) return <NoJobs />;
  return (
    <>
      {shown.length === 0 ? null : (
        <Table<(typeof shown)[number]>
          items={shown}
          keyOf={({ job }) => job.name}
          columns={[
            ['Job', 'w-c wrap', ({ job }) => <a href={runsLink({ job: job.name })}>{job.title}</a>],
            ['Last run', isSaid ? 'w-m' : 'w-l wrap', (one) => <LastRun {...one} isSaid={isSaid} />],
            ['Tenants', 'answered p2', ({ last }) => last?.finishedAt && <Answered tenants={last.tenants} />],
            ['Next', 'w-m end quiet', ({ job }) => <Next iso={job.nextAt} />],
          ]}
        />
      )}
      {shown.length < jobs.length ? (
        <footer>
          <a href="#/jobs">{count(jobs.length - shown.length, 'job')} on demand</a>
        </footer>
      ) : null}
    </>
  );
}

/** Jobs that somebody starts now and then would hide those of every night. */
const isShown = ({ job, runs }: JobRuns): boolean =>
  job.changes !== true && (job.schedule !== undefined || runs.length > 0);

interface LastRunProps {
  readonly job: JobRuns['job'];
  readonly last: RunSummaryAnswer | undefined;
  readonly isSaid: boolean;
}

/** When, and how it went. */
function LastRun({ last, job, isSaid }: LastRunProps) {
  if (last === undefined) return <>no run yet</>;
  const isNew = Date.now() - Date.parse(last.startedAt) < dayMs;
  const isToday = localDay(last.startedAt) === localDay(new Date().toISOString());
  return (
    <a href={runLink(last.runId)}>
      {!isNew ? localDay(last.startedAt) : isToday ? '' : 'yesterday, '}
      {isNew ? <Clock iso={last.startedAt} /> : null}{' '}
      {isSaid ? <span class="visually-hidden">{countsText(last.tenants)}</span> : <RunOutcome run={last} job={job} />}
    </a>
  );
}

const Answered = ({ tenants }: Pick<RunSummaryAnswer, 'tenants'>) => (
  <span class="pair">
    <CountsBar counts={tenants} />
    <span class="quiet">
      {tenants.succeeded.toLocaleString('en')} of {tenants.total.toLocaleString('en')} answered
      {tenants.skipped === 0 ? '' : `, ${tenants.skipped.toLocaleString('en')} skipped`}
    </span>
  </span>
);

/** When a job runs next: the time of day, and `tomorrow` before it, if that is enough. */
function Next({ iso }: { readonly iso: string | undefined }) {
  if (iso === undefined) return <>–</>;
  if (Date.parse(iso) - Date.now() >= dayMs) return <>{localDay(iso)}</>;
  return (
    <>
      {localDay(iso) === localDay(new Date().toISOString()) ? '' : 'tomorrow, '}
      <Clock iso={iso} />
    </>
  );
}

/** Of each kind. */
const waitingShown = 5;

/** Requests that the person may decide on, where they can be decided, and applies that the person may let go on. */
function WaitsForYou() {
  const { begin, dialog } = useDeciding(() => undefined);
  const held = useContext(HeldPlansContext);
  const { requests = [], isAll = true } = useContext(WaitingContext) ?? {};
  if (requests.length + held.length === 0) return dialog;
  return (
    <Panel title="Waits for you" bare>
      {dialog}
      <ul class="list">
        {requests.slice(0, waitingShown).map((approval) => (
          <li key={approval.id} class="ask">
            <div>
              <b>
                <a href={approvalLink(approval.id)}>{titleInWords(approval)}</a>
              </b>
              <div class="small">
                <PartyName party={approval.asker} /> · expires {relative(approval.expiresAt)}
              </div>
            </div>
            <button type="button" class="s" onClick={() => begin(approval.id, 'approve')}>
              Review<span class="visually-hidden"> {approval.title}</span>
            </button>
          </li>
        ))}
        {held.slice(0, waitingShown).map((plan) => (
          <li key={plan.planId} class="ask">
            <div>
              <b>
                <a href={planLink(plan.planId)}>{plan.title}</a>
              </b>
              <div class="small">{stateOf(plan)[1]}</div>
            </div>
            <a class="btn s" href={planLink(plan.planId)}>
              Decide<span class="visually-hidden"> {plan.title}</span>
            </a>
          </li>
        ))}
      </ul>
      {Math.max(requests.length, held.length) > waitingShown ? (
        <footer class="actions">
          {requests.length > waitingShown ? (
            <a href="#/approvals">{isAll ? `All ${count(requests.length, 'request')}` : 'All requests'}</a>
          ) : null}
          {held.length > waitingShown ? <a href="#/plans">All {count(held.length, 'plan')} that wait</a> : null}
        </footer>
      ) : null}
    </Panel>
  );
}

/** How many tokens and requests callers and jobs had within a day, and what was refused. */
function LastDay() {
  const period = () => ({ from: new Date(Date.now() - dayMs).toISOString(), to: new Date().toISOString() });
  const read = usePolling(
    (api) => readPeriod(api, {}, period()),
    'last day on record',
    undefined,
    historyIntervalMs,
  ).value;
  if (read === undefined || read.all.entries === 0) return null;
  const { tokens, served, byPolicy, byMicrosoft, failed } = read.all;
  const rows: readonly (readonly [word: string, n: number, outcome?: AuditFilter['outcome']])[] = [
    ['Tokens issued', tokens, 'issued'],
    ['Requests served', served, 'answered'],
    ['Refused by the policy', byPolicy, 'policy'],
    ['Refused by Microsoft', byMicrosoft],
    ['Failed', failed, 'failed'],
  ];
  return (
    <Panel
      title="Tokens and requests"
      more={<span class="small">{read.isAll ? '24 hours' : 'the newest of 24 hours'}</span>}
      bare
    >
      <ul class="list">
        {rows
          .filter(([, n]) => n > 0)
          .map(([word, n, outcome]) => (
            <li key={word}>
              {outcome === undefined ? <span>{word}</span> : <a href={auditLink({ outcome })}>{word}</a>}
              <span>{n.toLocaleString('en')}</span>
            </li>
          ))}
      </ul>
    </Panel>
  );
}

const endsShown = 6;
/** The rows tell as much of fewer. */
const endsInChart = 4;

const weeksShown = 13;
const weekMs = 7 * dayMs;

/** Relationships that end within a quarter and do not renew by themselves, in amber within 30 days. */
function EndingRelationships({ tenants }: { readonly tenants: readonly Tenant[] }) {
  const ends = tenants
    .filter(({ relationshipEndsAt = '', relationshipRenews, reachable }) => {
      const leftMs = Date.parse(relationshipEndsAt) - Date.now();
      return reachable && relationshipRenews !== true && leftMs > 0 && leftMs < weeksShown * weekMs;
    })
    .toSorted((a, b) => (a.relationshipEndsAt ?? '').localeCompare(b.relationshipEndsAt ?? ''));
  if (ends.length === 0) return null;
  return (
    <Panel title="Relationships that end" more={<span class="small">within {weeksShown} weeks</span>} bare>
      {ends.length < endsInChart ? null : <EndBars ends={ends} />}
      <ul class="list">
        {ends.slice(0, endsShown).map((tenant) => {
          const { tenantId, name, relationshipEndsAt = '' } = tenant;
          const day = localDay(relationshipEndsAt);
          return (
            <li key={tenantId}>
              <a href={tenantLink(tenantId)}>{name}</a>
              <span>
                {endsSoon(tenant) ? <ToneBadge tone="warn">{day}</ToneBadge> : day}{' '}
                <span class="quiet">{relative(relationshipEndsAt)}</span>
              </span>
            </li>
          );
        })}
      </ul>
      <footer>
        {ends.length > endsShown ? (
          <a href={tenantsLink({ sort: 'ends' })}>and {count(ends.length - endsShown, 'other')}</a>
        ) : null}
        <InPartnerCenter cause="gdap_expiring" look="link" />
      </footer>
    </Panel>
  );
}

/** How many end in each week, from this one on: in amber those that end soon. */
function EndBars({ ends }: { readonly ends: readonly Tenant[] }) {
  const fromMs = Date.now();
  const weeks = Array.from({ length: weeksShown }, (_, week) => {
    const startMs = fromMs + week * weekMs;
    const some = ends.filter(({ relationshipEndsAt = '' }) => {
      const ms = Date.parse(relationshipEndsAt);
      return ms >= startMs && ms < startMs + weekMs;
    });
    const soon = some.filter(endsSoon).length;
    const title = `In the week from ${localDay(new Date(startMs).toISOString())}: ${some.length}`;
    return { key: String(week), title, value: 0, between: soon, others: some.length - soon };
  });
  return (
    <div class="pad">
      <FailureBars
        label={weeks.map(({ title }) => title).join(', ')}
        bars={weeks}
        areAllNow
        ends={['this week', localDay(new Date(fromMs + (weeksShown - 1) * weekMs).toISOString())]}
      />
    </div>
  );
}
