import { useContext, useEffect, useState } from 'preact/hooks';
import type { LastResult, TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { jobsWithRules } from '../../src/lib/api/report/findings.ts';
import { capitalized, listed } from '../../src/lib/core/text.ts';
import { readFindings } from '../../src/lib/api/report/read-report.ts';
import { Notice, Warnings } from '../shared/text.tsx';
import { auditLink } from './view-filter.ts';
import { type Api, rowsFrom } from './api.ts';
import { PartyName, titleInWords } from './approval-facts.tsx';
import { deniedCause, lastAnswerText, InPartnerCenter, isDenied, WhyAndAdvice } from './causes.tsx';
import { useRole } from './context.ts';
import { CopyButton, StepFor } from './copy.tsx';
import { DialogButton } from './dialog.tsx';
import { count, localDate, localDay, localTime, relative } from './format.ts';
import { Icon } from './icon.tsx';
import type { HistoryChoice } from './history-choice.ts';
import { Fact, Head, Loaded, Panel, Time, ToneBadge } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { approvalLink, planLink, reportLink, runLink } from './route.ts';
import { StartButtons, TryAgain } from './start-buttons.tsx';
import { isApply } from './tenant-filter.ts';
import { TenantEvents } from './tenant-events.tsx';
import { TenantExtract } from './tenant-extract.tsx';
import { TenantJobs, TenantOverTime } from './tenant-history.tsx';
import { TenantTags } from './tenant-tags.tsx';
import {
  adviceOf,
  endsSoon,
  hasEnded,
  isForPartnerCenter,
  isWell,
  titleOf,
  type Trouble,
  troublesOf,
} from '../../src/lib/api/trouble.ts';
import { noonOf, sinceOf, useJobs, useSince } from './nights.ts';
import { StackedBar } from './charts.tsx';
import { shownValue } from './result-columns.ts';
import { useNarrow } from './virtual-rows.tsx';
import { WaitingContext } from './waiting.tsx';

const intervalMs = 60_000;

interface TenantViewProps {
  readonly tenantId: string;
  /** What the chart shows. */
  readonly history?: HistoryChoice;
}

export const TenantView = forRole(['Tenants.Read'], 'Tenant', OneTenant);

function OneTenant({ tenantId, history = {} }: TenantViewProps) {
  const polled = usePolling((api) => api.tenant(tenantId), `tenant ${tenantId}`, intervalMs);
  const { value: tenant } = polled;
  return (
    <article>
      {/* Not the id first: it would be the title of the page. */}
      {tenant === undefined && polled.failure === undefined ? null : (
        <Head
          title={tenant?.name ?? 'Tenant'}
          in={['#/tenants', 'Tenants']}
          lede={tenant && wellText(tenant)}
          about={tenant && <About tenant={tenant} />}
        >
          <Actions tenantId={tenantId} hasRemedy={tenant !== undefined && needsSomebody(tenant)} />
        </Head>
      )}
      <Loaded polled={polled}>{(found) => <Details tenant={found} reload={polled.reload} history={history} />}</Loaded>
    </article>
  );
}

/** Results of a job that `GET /tenants/{tenant}` has, at most. */
const mostResults = 14;

/** That no job failed, since when, and when the tenant last answered. Undefined if something is, or if it is not known. */
function wellText(tenant: TenantDetailsAnswer): string | undefined {
  const { reachable, history = [] } = tenant;
  const visits = history.filter((result) => !isApply(result) && result.outcome !== 'skipped');
  const [last] = visits;
  if (last === undefined || !reachable || !isWell(tenant) || endsSoon(tenant)) return undefined;
  const isGood = ({ outcome }: LastResult): boolean => outcome === 'succeeded';
  // As far back as the results of each job reach: those of a frequent one are few nights. A job with fewer has no others.
  const full = [...Map.groupBy(history, ({ job }) => job).values()].filter(({ length }) => length >= mostResults);
  const from = Math.max(...full.map((some) => noonOf(Date.parse(some.at(-1)?.startedAt ?? ''))));
  const known = visits.toReversed().filter(({ startedAt }) => noonOf(Date.parse(startedAt)) >= from);
  // The oldest first. A night is good if each job was.
  const nights = [...Map.groupBy(known, ({ startedAt }) => noonOf(Date.parse(startedAt)))]
    .toSorted(([one], [other]) => one - other)
    .map(([ms, some]) => [new Date(ms).toISOString(), Number(some.every(isGood))] as const);
  const since = sinceOf(nights);
  return `No failures${since === undefined ? '' : ` ${since}`}, last answered ${localTime(last.finishedAt)}.`;
}

function About({ tenant: { tenantId, defaultDomain } }: TenantProps) {
  return (
    <>
      <span>{defaultDomain}</span>
      <CopyButton text={tenantId} what="tenant id" isAlone />
    </>
  );
}

/** Whether a banner says what to do. */
const needsSomebody = (tenant: TenantDetailsAnswer): boolean => troublesOf(tenant).length > 0 || endsSoon(tenant);

function Actions({ tenantId, hasRemedy }: { readonly tenantId: string; readonly hasRemedy: boolean }) {
  const { jobs } = useJobs();
  const showsAudit = useRole('Audit.Read');
  return (
    <>
      <a class="btn" href={reportLink(tenantId)}>
        <Icon name="print" /> Customer report
      </a>
      {showsAudit ? (
        <>
          <DialogButton dialog={(onClose) => <TenantExtract tenantId={tenantId} onClose={onClose} />}>
            <Icon name="lock" /> Signed extract…
          </DialogButton>
          <a class="btn" href={auditLink({ tenant: tenantId })}>
            <Icon name="audit" /> Audit records
          </a>
        </>
      ) : null}
      <StartButtons jobs={jobs} tenants={[tenantId]} isSecond={hasRemedy} />
    </>
  );
}

interface TenantProps {
  readonly tenant: TenantDetailsAnswer;
}

interface DetailsProps extends TenantProps {
  readonly reload: () => void;
  readonly history: HistoryChoice;
}

function Details({ tenant, reload, history }: DetailsProps) {
  const readsRuns = useRole('Runs.Read');
  const narrow = useNarrow();
  const overTime = <TenantOverTime tenant={tenant} choice={history} />;
  return (
    <>
      <Warnings texts={tenant.warnings} />
      <WhatToDo tenant={tenant} />
      <WaitsHere tenantId={tenant.tenantId} />
      <div class="cols">
        <div class="stack">
          {readsRuns ? <WhatJobsFound tenant={tenant} /> : null}
          <TenantJobs tenant={tenant} />
          {narrow ? null : overTime}
        </div>
        <div class="stack">
          <Relationship tenant={tenant} />
          {readsRuns ? <TenantLicences tenant={tenant} /> : null}
          <TenantEvents tenant={tenant} />
          <TenantTags tenant={tenant} onChange={reload} />
        </div>
      </div>
      {narrow ? overTime : null}
    </>
  );
}

/** Nothing to do, no notice. */
function WhatToDo({ tenant }: TenantProps) {
  const { reachable, lastResults, relationshipEndsAt = '' } = tenant;
  // `bad` comes before `warn`, also in the alphabet.
  const troubles = troublesOf(tenant).toSorted((one, other) => one.tone.localeCompare(other.tone));
  const isUnknown = reachable && lastResults === undefined;
  if (!needsSomebody(tenant) && !isUnknown) return null;
  return (
    <section class="stack" aria-label="What to do">
      {troubles.map((trouble, at) => (
        <TroubleNotice key={trouble.cause} trouble={trouble} tenant={tenant} look={at === 0 ? 'primary' : ''} />
      ))}
      {endsSoon(tenant) ? (
        <Notice
          kind="warn"
          actions={<InPartnerCenter cause="gdap_expiring" look={troubles.length === 0 ? 'btn primary' : 'btn'} />}
        >
          <h2>
            {titleOf('gdap_expiring')}: {relative(relationshipEndsAt)}
          </h2>
          {adviceOf('gdap_expiring')}
        </Notice>
      ) : null}
      {isUnknown ? <Notice kind="plain">It is not known whether jobs failed in this tenant.</Notice> : null}
    </section>
  );
}

const waitingShown = 3;

/** Requests for the tenant that the person may decide on. The API cannot list those of one tenant. */
function WaitsHere({ tenantId }: { readonly tenantId: string }) {
  const { requests = [], isAll } = useContext(WaitingContext) ?? {};
  const here = requests.filter((one) => one.tenantId === tenantId);
  const more = here.length - waitingShown;
  return here.slice(0, waitingShown).map((approval, at) => (
    <Notice
      key={approval.id}
      kind="you"
      actions={
        <a class="btn" href={approvalLink(approval.id)}>
          Show the request
        </a>
      }
    >
      <h2>Waits for a decision: {titleInWords(approval)}</h2>
      Asked by <PartyName party={approval.asker} />, expires {relative(approval.expiresAt)}.
      {more > 0 && at + 1 === waitingShown ? (
        <a href="#/approvals"> And {isAll ? count(more, 'other') : `${more} or more others`}</a>
      ) : null}
    </Notice>
  ));
}

/** What the last rows of jobs say, in the words of the customer's report. Read beside the page, which is complete without it. */
function WhatJobsFound({ tenant }: TenantProps) {
  const { tenantId, lastResults = [] } = tenant;
  const load = (api: Api) => readFindings(rowsFrom(api), tenant, Date.now());
  const runIds = lastResults.flatMap(({ job, runId }) => (jobsWithRules.has(job) ? runId : []));
  // An answer with a part of the findings is no failure, so it would stay.
  const [againMs, setAgainMs] = useState<number>();
  const { value, failure } = usePolling(load, `findings ${tenantId} ${runIds.join()}`, againMs, intervalMs);
  const isPart = value !== undefined && value.unread.length > 0;
  useEffect(() => setAgainMs(isPart ? intervalMs : undefined), [isPart]);
  const { findings = [], unread = failure === undefined ? [] : ['the jobs'] } = value ?? {};
  const lacks = unread.length === 0 ? null : `The last rows of ${listed(unread)} could not be read.`;
  if (findings.length === 0) return lacks && <Notice kind="plain">{lacks}</Notice>;
  return (
    <Panel title="What the jobs found" bare>
      <ul class="list">
        {findings.map(({ job, text, consequence }) => (
          <li key={text} class="ask">
            <div>
              <b>{text}</b>
              <div class="small">{consequence}</div>
            </div>
            <a href={reportLink(tenantId, job)}>
              Show<span class="visually-hidden"> the rows: {text}</span>
            </a>
          </li>
        ))}
      </ul>
      {lacks && <footer class="small">{lacks}</footer>}
    </Panel>
  );
}

function TroubleNotice(
  props: TenantProps & {
    readonly trouble: Trouble;
    /** `primary`: its remedy is the main button of the page. */
    readonly look: '' | 'primary';
  },
) {
  const { trouble, tenant, look } = props;
  const { cause, tone, results } = trouble;
  const { jobs, titleOf: titleOfJob } = useJobs();
  const only = results.length === 1 ? results[0] : undefined;
  const apply = only !== undefined && isApply(only) ? only : undefined;
  const change = useChange(tenant.tenantId, apply?.runId);
  const reason = cause === 'change_failed' ? change?.reason : undefined;
  const hasTooFewRights = isDenied(reason);
  const { permissions } = jobs?.find(({ name }) => name === only?.job) ?? {};
  // A newer broker may know codes that this page does not.
  const advice = adviceOf(cause) || tenant.codes.find(({ code }) => code === cause)?.advice;
  const since = useSince(tenant, trouble);
  // Without access, no job does anything.
  const all = results.length === 0 ? 'Jobs' : count(results.length, 'job');
  const fails = only === undefined ? ['fail', 'have'] : ['fails', 'has'];
  const how = since === undefined ? fails[0] : `${fails[1]} failed ${since}`;
  const refused = cause === 'change_failed' ? 'was refused' : 'failed';
  return (
    <Notice
      kind={tone}
      actions={
        <>
          <InPartnerCenter cause={cause} look={look === '' ? 'btn' : 'btn primary'} />
          <StepFor cause={{ cause: hasTooFewRights ? deniedCause : cause, tenants: [{ tenant, results }] }} />
          <TryAgain
            jobs={jobs}
            cause={{ cause, tenants: [{ tenant, results }] }}
            {...(isForPartnerCenter(cause) ? {} : { class: look })}
          />
          {apply === undefined || change === undefined ? null : (
            <a
              class={`btn ${look}`}
              href={change.planId === undefined ? runLink(apply.runId, 'rows') : planLink(change.planId)}
            >
              Show the change
            </a>
          )}
        </>
      }
    >
      <h2>{titleOf(cause)}</h2>
      {results.length === 0 && since === undefined ? null : (
        <p>
          {only === undefined ? all : <a href={runLink(only.runId, 'tenants')}>{titleOfJob(only.job)}</a>}{' '}
          {apply === undefined ? how : `${refused} on ${localDay(apply.finishedAt)}`}
          {hasTooFewRights ? ': the broker has too few rights' : ''}.
        </p>
      )}
      <WhyAndAdvice reason={reason} advice={advice} permissions={permissions} />
    </Notice>
  );
}

/** Rows of an apply with these outcomes say why. The first ones say more. A row that drifted tells of something else. */
const telling = ['refused', 'reverted', 'not attempted'];

/** Why an apply could not make a change in a tenant, and the plan. Undefined for those who may not read runs. */
function useChange(tenantId: string, runId: string | undefined) {
  const readsRuns = useRole('Runs.Read');
  const load = async (api: Api) => {
    if (runId === undefined || !readsRuns) return undefined;
    const [read, listed] = await Promise.all([
      api.rowsOfTenant(runId, tenantId).catch(() => undefined),
      api.plans().catch(() => undefined),
    ]);
    const details = telling.flatMap((wanted) => read?.rows.filter(({ outcome }) => outcome === wanted) ?? []);
    const reason = details.map(({ detail }) => detail).find((detail) => typeof detail === 'string');
    return { reason, planId: listed?.plans.find(({ apply }) => apply?.runId === runId)?.planId };
  };
  return usePolling(load, `change ${tenantId} ${runId}`).value;
}

function Relationship({ tenant }: TenantProps) {
  const { relationshipRenews, roles = [], reachable, reasonTitle, explanation, asOf } = tenant;
  const lastAnswer = lastAnswerText(tenant);
  const shown = roles.slice(0, rolesShown);
  const more = roles.length - shown.length;
  const tone = reachable ? 'good' : 'idle';
  return (
    <Panel title="Relationship" more={<ToneBadge tone={tone}>{reasonTitle}</ToneBadge>}>
      {reachable ? null : <p class="small">{explanation}</p>}
      {lastAnswer === undefined ? null : <p class="small">{capitalized(lastAnswer)}.</p>}
      <Life tenant={tenant} />
      <dl>
        <Fact name="Renews">{relationshipRenews === false ? 'not by itself' : undefined}</Fact>
        <Fact name="Roles">
          {roles.length === 0 ? undefined : (
            <span title={roles.join(', ')}>
              {shown.join(', ')} {more > 0 ? <span class="quiet">+{more}</span> : null}
            </span>
          )}
        </Fact>
        <Fact name="As of">
          <Time iso={asOf} short />
        </Fact>
      </dl>
    </Panel>
  );
}

const rolesShown = 3;

/** From its start to its end, with how much of it is over. @param props.title where no heading says what it is. */
export function Life({ tenant, title }: TenantProps & { readonly title?: string }) {
  const { relationshipStartedAt: start, relationshipEndsAt: end, relationshipRenews, reason } = tenant;
  if (end === undefined) return null;
  const ended = hasEnded(tenant) || Date.parse(end) <= Date.now();
  // The day on which a relationship was terminated is not known.
  const isEarly = ended && Date.parse(end) > Date.now();
  const words = isEarly
    ? `ended before ${localDate(end)}`
    : `${ended ? 'ended' : relationshipRenews === true ? 'renews by itself on' : 'ends'} ${localDate(end)}, ${relative(end)}`;
  if (start === undefined) return <p class="small">{title === undefined ? words : `${title} ${words}`}</p>;
  const [total, over] = [Date.parse(end) - Date.parse(start), Date.now() - Date.parse(start)];
  return (
    <figure>
      {title === undefined ? null : <b class="small">{title}</b>}
      <StackedBar
        parts={[[ended ? 'failed' : reason === 'gdap_expiring' ? 'warn' : 'succeeded', Math.min(total, over)]]}
        total={total}
        label={`${title === undefined ? 'Since' : `${title} since`} ${localDate(start)}, ${words}`}
      />
      <figcaption class="x">
        <span>{localDate(start)}</span>
        <span>{words}</span>
      </figcaption>
    </figure>
  );
}

const job = 'licence-report';

/** The licences of a customer by product, as the last report that succeeded found them. Nothing without one. */
function TenantLicences({ tenant }: { readonly tenant: TenantDetailsAnswer }) {
  const { tenantId, lastResults = [], history = [] } = tenant;
  const last = [...lastResults, ...history].find((result) => result.job === job && result.outcome === 'succeeded');
  const load = async (api: Api) => (last === undefined ? [] : (await api.rowsOfTenant(last.runId, tenantId)).rows);
  const rows = usePolling(load, `licences ${tenantId} ${last?.runId}`).value ?? [];
  if (last === undefined || rows.length === 0) return null;
  const more = (
    <a href={runLink(last.runId, 'rows')} class="small">
      {localDay(last.finishedAt)}
    </a>
  );
  return (
    <Panel title="Licences" more={more} bare>
      <ul class="list licences">
        {rows.map((row, index) => {
          const product = shownValue(row['product'] ?? null, 'text');
          const assigned = Number(row['assigned'] ?? row['assignedAtNoCost']);
          // A product that costs nothing has no number: nobody bought it.
          const licences = row['licences'] == null ? undefined : Number(row['licences']);
          const grace = Number(row['warning']);
          const isOver = licences !== undefined && assigned > licences;
          const words = `${assigned.toLocaleString('en')} ${licences === undefined ? 'assigned' : `of ${licences.toLocaleString('en')}`}`;
          return (
            <li key={index}>
              <span class="cut" title={product}>
                {product}
              </span>
              <span class={isOver ? 'problem' : 'quiet'}>{words}</span>
              {licences === undefined ? null : (
                <StackedBar
                  parts={[[isOver ? 'bad' : grace > 0 ? 'warn' : 'succeeded', Math.min(assigned, licences)]]}
                  total={licences}
                  label={`${words} assigned`}
                />
              )}
              {grace > 0 ? (
                <ToneBadge tone="warn">
                  {grace === licences && grace > 1 ? 'all ' : ''}
                  {grace.toLocaleString('en')} in grace period
                </ToneBadge>
              ) : null}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
