import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { RunAnswer, RunTenant, RunTenantsAnswer } from '../../src/lib/api/answers/runs.ts';
import { isErrorCode } from '../../src/lib/core/errors.ts';
import { outcomeStyle, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { capitalized } from '../../src/lib/core/text.ts';
import { isEnded } from '../../src/lib/runs/store/run.ts';
import { Paragraphs, Sentence } from '../shared/text.tsx';
import { Search } from './choice.tsx';
import { count, countOf, duration } from './format.ts';
import { Icon } from './icon.tsx';
import { Empty, Fact, OutcomeBadge, Time } from './pieces.tsx';
import { filterTenants, type RunTenantFilter, sortTenants, tookMs } from './run-tenant-list.ts';
import { Keys, type partsOf } from './run-timeline.tsx';
import { adviceOf, causeOfVisit, titleOf } from '../../src/lib/api/trouble.ts';
import { isApply } from './tenant-filter.ts';
import { RowGroup, SortByTrouble, type RowsColumn, type RowsSort, TwoLines, VirtualRows } from './virtual-rows.tsx';
import { GroupHead } from './causes.tsx';
import { Marks } from './charts.tsx';
import { auditLink } from './view-filter.ts';
import { useMayStart, useRole } from './context.ts';
import { StepFor } from './copy.tsx';
import { Dialog } from './dialog.tsx';
import { runsPerJob, useJobs, useSince, useTrendsIn } from './nights.ts';
import { usePolling, useTenants } from './polling.ts';
import { runLink, tenantLink } from './route.ts';
import { type Failed, TryAgainDialog } from './start-buttons.tsx';
import { StartDialog } from './start-dialog.tsx';
import type { TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import type { Api } from './api.ts';
import { TenantTrace } from './tenant-trace.tsx';

const columns: readonly RowsColumn<RunTenant>[] = [
  { id: 'name', title: 'Tenant', width: 12, sortable: true, cell: ({ name }) => name },
  { id: 'outcome', title: 'Result', width: 30, sortable: true, cell: outcomeOf },
  { id: 'rows', title: 'Rows', width: 4.5, align: 'end', sortable: true, cell: rowsText },
  {
    id: 'attempts',
    title: 'Attempts',
    width: 5,
    align: 'end',
    sortable: true,
    cell: ({ attempts }) => attempts || none,
  },
  { id: 'took', title: 'Took', width: 5, align: 'end', sortable: true, cell: (tenant) => tookText(tenant) || none },
];

/** Mostly one attempt is all there is to say. */
const columnsOnce = columns.filter(({ id }) => id !== 'attempts');

/** In place of a zero that says nothing. */
const none = <span class="quiet">–</span>;

/** On a phone: what came of it stands below the name. */
const narrow: readonly RowsColumn<RunTenant>[] = [
  {
    id: 'name',
    title: 'Tenant',
    width: 14,
    sortable: true,
    cell: (tenant) => <TwoLines below={outcomeOf(tenant)}>{tenant.name}</TwoLines>,
  },
  {
    id: 'rows',
    title: 'Rows',
    width: 4,
    align: 'end',
    sortable: true,
    cell: (tenant) => <TwoLines below={tookText(tenant)}>{rowsText(tenant)}</TwoLines>,
  },
];

/** What Microsoft said of a failure: its heading names the cause. */
function outcomeOf(tenant: RunTenant) {
  const { outcome, code, detail } = tenant;
  if (outcome !== 'failed' || detail === undefined) return <OutcomeBadge outcome={outcome} code={code} />;
  return (
    <span title={detail}>
      <span class="visually-hidden">failed: {titleOf(causeOfVisit(tenant) ?? '')} </span>
      <Detail text={detail} />
    </span>
  );
}

/** A text of Microsoft's, and behind it the number that one searches for. */
function Detail({ text }: { readonly text: string }) {
  const [given, number] = / \((AADSTS\d+)\)/.exec(text) ?? [];
  if (given === undefined) return <Sentence text={text} />;
  return (
    <>
      <Sentence text={text.replace(given, '')} /> <code class="quiet">{number}</code>
    </>
  );
}

/** Sorted by trouble at first: under headings, each with what helps. */
const firstSort: RowsSort = { column: 'outcome', descending: false };

const keyOf = ({ tenantId }: RunTenant): string => tenantId;

type VisitedRun = Pick<RunAnswer, 'runId' | 'job' | 'parameters' | 'startedAt'>;

interface RunTenantsProps {
  readonly answer: RunTenantsAnswer;
  readonly run: VisitedRun;
  readonly filter: RunTenantFilter;
  readonly onFilter: (filter: RunTenantFilter) => void;
  /** Their keys filter the table by outcome and cause. */
  readonly parts: ReturnType<typeof partsOf>;
}

/** The tenants of a run in a table, its failures by cause. */
export function RunTenants({ answer, run, filter, onFilter, parts }: RunTenantsProps) {
  const { status, tenants, codes } = answer;
  const { runId, job } = run;
  const [sort, setSort] = useState(firstSort);
  const [openKey, setOpenKey] = useState<string>();
  const shown = useMemo(() => sortTenants(filterTenants(tenants, filter), sort), [tenants, filter, sort]);
  const isGrouped = sort.column === firstSort.column && !sort.descending;
  const [showsWell, setShowsWell] = useState(false);
  const isFiltered = shown.length < tenants.length;
  const since = useSinceOf(run, isEnded(status) ? tenants : []);
  const { jobs } = useJobs();
  const [failed, setFailed] = useState<readonly Failed[]>();
  const items = useMemo(() => {
    if (!isGrouped) return shown;
    const own = isEnded(status) && !isApply(run) ? jobs?.filter(({ name }) => name === job) : undefined;
    const ways = { jobs: own, parameters: run.parameters, onTry: setFailed };
    return grouped(shown, { codes, run, since, ways, ...(isFiltered ? {} : { well: [showsWell, setShowsWell] }) });
  }, [isGrouped, shown, codes, status, runId, [...since].join(), jobs, isFiltered, showsWell]);
  const open = tenants.find((tenant) => keyOf(tenant) === openKey);
  if (tenants.length === 0) return <Empty title={noTenants(status)} />;
  return (
    <section class="stack" aria-label="Tenants">
      <Filters filter={filter} tenants={tenants} shown={shown.length} onChange={onFilter} parts={parts}>
        {isGrouped ? null : <SortByTrouble onSort={() => setSort(firstSort)} />}
      </Filters>
      {shown.length === 0 ? (
        <Empty title="No tenant matches the filter." />
      ) : (
        <VirtualRows
          label="Tenants of the run"
          columns={tenants.some(({ attempts }) => attempts > 1) ? columns : columnsOnce}
          narrow={narrow}
          items={items}
          keyOf={keyOf}
          sort={sort}
          onSort={setSort}
          onOpen={(tenant) => setOpenKey(keyOf(tenant))}
          openKey={openKey}
        />
      )}
      {failed && <TryAgainDialog failed={failed} onClose={() => setFailed(undefined)} />}
      {open === undefined ? null : (
        <RunTenantDetails run={run} tenant={open} codes={codes} onClose={() => setOpenKey(undefined)} />
      )}
    </section>
  );
}

/** More tenants than these that succeeded are one line below those that need somebody. */
const mostWell = 10;

/** A cause as the remedies know it. */
const concernedBy = (cause: string, tenants: readonly RunTenant[], { job, runId }: VisitedRun) => ({
  cause,
  // Without access, another try helps as little as in the list of tenants.
  tenants: tenants.map((tenant) => ({ tenant, results: isErrorCode(cause) ? [{ job, runId }] : [] })),
});

/** Since when the tenants of each cause fail, by the nights of the job up to the run, if it is among the newest. */
function useSinceOf(run: VisitedRun, tenants: readonly RunTenant[]): ReadonlyMap<string, string | undefined> {
  const readsRuns = useRole('Runs.Read');
  const load = async (api: Api) => (readsRuns ? api.runs(runsPerJob, run.job) : undefined);
  const runs = usePolling(load, `runs up to ${run.runId}`).value?.runs ?? [];
  const failed = Map.groupBy(
    // A change is made once, and not night by night.
    isApply(run) || !runs.some(({ runId }) => runId === run.runId)
      ? []
      : tenants.filter(({ outcome }) => outcome === 'failed'),
    (tenant) => causeOfVisit(tenant) ?? '',
  );
  const causes = [...failed].map(([cause, some]) => concernedBy(cause, some, run));
  const trendOf = useTrendsIn(
    run.job,
    runs.filter(({ startedAt }) => startedAt <= run.startedAt),
    causes,
  );
  return new Map(causes.map((cause) => [cause.cause, trendOf(cause)?.since]));
}

interface GroupOptions extends Pick<RunTenantsAnswer, 'codes'> {
  readonly run: VisitedRun;
  readonly since: ReturnType<typeof useSinceOf>;
  readonly ways: Pick<Parameters<typeof GroupHead>[0], 'jobs' | 'parameters' | 'onTry'>;
  /** Whether those that succeeded are shown, and what changes it. Undefined: they are. */
  readonly well?: readonly [isShown: boolean, show: (isShown: boolean) => void];
}

/** The tenants under what came of them: failures by cause, the most frequent first. The order within stays. */
function grouped(
  shown: readonly RunTenant[],
  { codes, run, since, ways, well }: GroupOptions,
): readonly (RunTenant | RowGroup)[] {
  const isTrouble = (outcome: string): boolean => outcome === 'failed' || outcome === 'retrying';
  const groups = [
    ...Map.groupBy(shown, (tenant) =>
      isTrouble(tenant.outcome) ? `${tenant.outcome} ${causeOfVisit(tenant) ?? ''}` : tenant.outcome,
    ),
  ];
  return groups
    .toSorted(
      ([, a], [, b]) =>
        Number(isTrouble(b[0]?.outcome ?? '')) - Number(isTrouble(a[0]?.outcome ?? '')) ||
        (isTrouble(a[0]?.outcome ?? '') ? b.length - a.length : 0),
    )
    .flatMap(([key, some]) => {
      const [first] = some;
      const { outcome = 'waiting' } = first ?? {};
      const cause = first && causeOfVisit(first);
      const text = codes.find((known) => known.code === cause);
      const isBad = isTrouble(outcome);
      const folds = well !== undefined && outcome === 'succeeded' && groups.length > 1 && some.length > mostWell;
      const rows = some.reduce((sum, tenant) => sum + tenant.rows, 0);
      return [
        new RowGroup(
          key,
          <>
            <GroupHead
              count={some.length}
              {...ways}
              since={folds ? count(rows, 'row') : since.get(outcome === 'failed' ? (cause ?? '') : '')}
              title={isBad && cause !== undefined ? (text?.title ?? titleOf(cause)) : capitalized(outcomeWord(outcome))}
              tone={isBad ? outcomeStyle(outcome).tone : undefined}
              advice={isBad && cause !== undefined ? adviceOf(cause) || text?.advice : undefined}
              cause={isBad && cause !== undefined ? concernedBy(cause, some, run) : undefined}
            />
            {folds ? (
              <button
                type="button"
                class="copy s"
                tabIndex={-1}
                aria-expanded={well[0]}
                onClick={() => well[1](!well[0])}
              >
                <Icon name="turn" turns /> Show them
              </button>
            ) : null}
          </>,
        ),
        ...(folds && !well[0] ? [] : some),
      ];
    });
}

function Filters(props: {
  readonly filter: RunTenantFilter;
  readonly tenants: readonly RunTenant[];
  /** Number of tenants that the filter lets through. */
  readonly shown: number;
  readonly onChange: (filter: RunTenantFilter) => void;
  readonly parts: RunTenantsProps['parts'];
  readonly children: ComponentChildren;
}) {
  const { filter, tenants, shown, onChange, parts, children } = props;
  return (
    <div class="filters">
      <Search
        value={filter.search}
        placeholder="Name, id or cause"
        onInput={(search) => onChange({ ...filter, search })}
      />
      {parts.length > 1 || filter.outcome !== '' ? <Keys parts={parts} filter={filter} onFilter={onChange} /> : null}
      {children}
      <span class={shown === tenants.length ? 'visually-hidden' : undefined} role="status">
        {countOf(shown, tenants.length, 'tenant')}
      </span>
    </div>
  );
}

function rowsText({ rows, more, outcome }: RunTenant) {
  if (rows === 0 && outcome !== 'succeeded') return none;
  return `${rows.toLocaleString('en')}${more === true ? '+' : ''}`;
}

function tookText(tenant: RunTenant): string {
  const ms = tookMs(tenant);
  return ms === undefined ? '' : duration(ms);
}

function noTenants(status: RunTenantsAnswer['status']): string {
  if (!isEnded(status)) return 'The tenants are being listed.';
  return status === 'completed' ? 'This run had no tenants.' : 'The run ended before its tenants were listed.';
}

/** One tenant of a run: what came of it, what to do, where it leads, and what the job logged and threw. */
function RunTenantDetails(props: {
  readonly run: VisitedRun;
  readonly tenant: RunTenant;
  readonly codes: RunTenantsAnswer['codes'];
  readonly onClose: () => void;
}) {
  const { run, tenant, codes, onClose } = props;
  const { name, tenantId, outcome, code, detail, attempts, rows, finishedAt = '' } = tenant;
  const text = codes.find((known) => known.code === code);
  const cause = causeOfVisit(tenant);
  const advice = adviceOf(cause ?? '') || text?.advice;
  const took = tookMs(tenant);
  // For a command with its domain, which people know.
  const known = useTenants()?.tenants.find((each) => each.tenantId === tenantId);
  const { jobs } = useJobs();
  const definition = jobs?.find((each) => each.name === run.job);
  const mayStart = useMayStart();
  const [isTrying, setTrying] = useState(false);
  if (isTrying && definition !== undefined)
    return (
      <StartDialog job={definition} tenants={[tenantId]} parameters={run.parameters} onClose={() => setTrying(false)} />
    );
  return (
    <Dialog
      title={name}
      about={<OutcomeBadge outcome={outcome} code={cause} />}
      kind="drawer"
      onClose={onClose}
      actions={
        <>
          {outcome === 'failed' && definition !== undefined && definition.changes !== true && mayStart(definition) ? (
            <button type="button" class="primary" aria-haspopup="dialog" onClick={() => setTrying(true)}>
              <Icon name="again" /> Try again…
            </button>
          ) : null}
          <Links tenantId={tenantId} />
        </>
      }
    >
      {detail === undefined ? null : (
        <p>
          <Detail text={detail} />
        </p>
      )}
      <Paragraphs text={advice} />
      <StepFor cause={code && { cause: code, tenants: [{ tenant: known ?? tenant, results: [run] }] }} />
      <dl>
        {outcome === 'failed' && cause !== undefined ? <Failing {...{ tenantId, cause, run }} /> : null}
        <Fact name="Tried">
          {attempts === 0 ? (
            'not at all'
          ) : took === undefined ? (
            count(attempts, 'time')
          ) : (
            <>
              {attempts === 1 ? 'once' : `${attempts} times, last`} on <Time iso={finishedAt} exact />, took{' '}
              {duration(took)}
            </>
          )}
        </Fact>
        {rows === 0 && outcome === 'failed' ? null : <Fact name="Rows">{count(rows, 'row')}</Fact>}
      </dl>
      <h3>For support</h3>
      <dl>
        <Fact name="Code">{code && <code>{code}</code>}</Fact>
        <Fact name="Tenant id">
          <code>{tenantId}</code>
        </Fact>
        <Fact name="Run">
          <code>{run.runId}</code>
        </Fact>
      </dl>
      {attempts === 0 ? null : <TenantTrace runId={run.runId} tenantId={tenantId} version={finishedAt} />}
    </Dialog>
  );
}

/** Since when the tenant has failed for a cause, and what else fails there: whether another try may help, and how much waits for it. */
function Failing(props: { readonly tenantId: string; readonly cause: string; readonly run: VisitedRun }) {
  const { tenantId, cause, run } = props;
  const readsTenants = useRole('Tenants.Read');
  const load = async (api: Api) => (readsTenants ? api.tenant(tenantId) : undefined);
  const tenant = usePolling(load, `tenant ${tenantId}`).value;
  return tenant?.lastResults === undefined ? null : <FailingOf {...{ tenant, cause, run }} />;
}

function FailingOf({
  tenant,
  cause,
  run,
}: {
  readonly tenant: TenantDetailsAnswer;
  readonly cause: string;
  readonly run: VisitedRun;
}) {
  const { titleOf: titleOfJob } = useJobs();
  // The newest first. A plan only looks, and an apply is no visit like the others.
  const visits = (tenant.history ?? []).filter((result) => result.job === run.job && !isApply(result));
  const failures = visits.filter(({ outcome }) => outcome === 'failed').length;
  const results = (tenant.lastResults ?? []).filter(({ outcome }) => outcome === 'failed');
  // A plan that was made since mends nothing of an apply.
  const own = tenant.lastResults?.find((result) => result.job === run.job && isApply(result) === isApply(run));
  const others = results.filter((result) => result.job !== run.job).map((result) => titleOfJob(result.job));
  const since = useSince(tenant, { cause, tone: 'bad', results: results.filter(({ code }) => code === cause) });
  return (
    <>
      {own?.outcome === 'succeeded' ? (
        <Fact name="Since then">
          <a href={runLink(own.runId)}>succeeded</a> on <Time iso={own.finishedAt} short />
        </Fact>
      ) : (
        <Fact name="Has failed">{since}</Fact>
      )}
      <Fact name="Last runs">
        {visits.length === 0 ? undefined : (
          <>
            <Marks
              tones={visits.map(({ outcome }) => outcomeStyle(outcome).tone).toReversed()}
              label="The newest last:"
            />{' '}
            failed in {failures === visits.length ? 'all' : `${failures} of`} {visits.length}
          </>
        )}
      </Fact>
      <Fact name="Also fails">{others.length === 0 ? 'no other job' : others.join(', ')}</Fact>
    </>
  );
}

function Links({ tenantId }: { readonly tenantId: string }) {
  const [readsTenants, readsAudit] = [useRole('Tenants.Read'), useRole('Audit.Read')];
  return (
    <>
      {readsTenants ? (
        <a class="btn" href={tenantLink(tenantId)}>
          Open the tenant
        </a>
      ) : null}
      {readsAudit ? (
        <a class="btn" href={auditLink({ tenant: tenantId })}>
          Its audit records
        </a>
      ) : null}
    </>
  );
}
