import { useMemo, useState } from 'preact/hooks';
import type { TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { Warnings } from '../shared/text.tsx';
import { lastAnswerText, GroupHead, noTenant } from './causes.tsx';
import { Choice, Search, Segments, withChosen } from './choice.tsx';
import type { Api } from './api.ts';
import { useRole } from './context.ts';
import { Folded } from './folded.tsx';
import { count, countOf } from './format.ts';
import { Icon } from './icon.tsx';
import { type Failures, nightsOf, readJobRuns, useFailures, useTrends } from './nights.ts';
import { Empty, Head, Loaded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { goTo, replaceAddress, runLink, tenantLink } from './route.ts';
import { saveFile } from './save-file.ts';
import { type Failed, mostToStart, StartButtons, TryAgainDialog } from './start-buttons.tsx';
import { type JobColumn, narrowColumns, tenantColumns } from './tenant-columns.tsx';
import {
  changesColumn,
  filterTenants,
  groupOf,
  isApply,
  markOptions,
  orderText,
  parseOrder,
  sortTenants,
  tenantsCsv,
  type TenantFilter,
  tenantsLink,
} from './tenant-filter.ts';
import {
  adviceOf,
  areResultsKnown,
  type Cause,
  causesOf,
  type Tenant,
  titleOf,
  troublesOf,
} from '../../src/lib/api/trouble.ts';
import { RowGroup, SortByTrouble, useNarrow, VirtualRows } from './virtual-rows.tsx';

const intervalMs = 60_000;
/** Nights of each job that the matrix shows. */
const nightsShown = 7;
/** Jobs whose nights before the last are read. */
const jobsWithNights = 6;

interface FilterProps {
  readonly filter: TenantFilter;
}

export const TenantsView = forRole(['Tenants.Read'], 'Tenants', TenantList);

function TenantList({ filter }: FilterProps) {
  const readsRuns = useRole('Runs.Read');
  const polled = usePolling((api) => api.tenants(), 'tenants', intervalMs);
  const load = async (api: Api) => (readsRuns ? readJobRuns(api) : []);
  const jobs = usePolling(load, 'job runs', intervalMs).value ?? [];
  const answer = polled.value;
  const order = parseOrder(filter.sort);
  const found = useMemo(
    () => sortTenants(filterTenants(answer?.tenants ?? [], filter), order),
    [answer, filter.search, filter.show, filter.cause, filter.group, filter.tag, filter.sort],
  );
  const isFiltered = found.length < (answer?.tenants.length ?? 0);
  const hasNights = found.some(({ lastResults = [] }) => lastResults.some((result) => !isApply(result)));
  const narrow = useNarrow();
  return (
    <>
      <Head
        title={headline(answer?.tenants)}
        name="Tenants"
        lede={
          answer === undefined ? undefined : (
            <>
              As of <Time iso={answer.asOf} short />.
              {jobs.length === 0 || !hasNights
                ? null
                : ` Marks: the last ${nightsShown} nights${narrow ? ', in each the worst of all jobs' : ' of each job'}. Line: skipped.`}
            </>
          )
        }
      >
        <StartButtons
          jobs={jobs.map(({ job }) => job)}
          {...(isFiltered && found.length <= mostToStart ? { tenants: found.map(({ tenantId }) => tenantId) } : {})}
        >
          {found.length === 0 ? null : (
            <button type="button" onClick={() => saveFile(new Blob([tenantsCsv(found)]), 'tenants.csv')}>
              <Icon name="download" /> Download
              {isFiltered && found.length > 1 ? ` these ${found.length.toLocaleString('en')}` : ''}
            </button>
          )}
        </StartButtons>
      </Head>
      <Loaded polled={polled}>{(all) => <Matrix answer={all} found={found} filter={filter} jobs={jobs} />}</Loaded>
    </>
  );
}

function headline(tenants: readonly Tenant[] | undefined): string {
  if (tenants === undefined || tenants.length === 0) return 'Tenants';
  if (!areResultsKnown(tenants)) return count(tenants.length, 'tenant');
  const troubled = tenants.filter((tenant) => troublesOf(tenant).length > 0).length;
  const ending = tenants.filter((one) => groupOf(one) === 'ends').length;
  const need = troubled === 1 ? 'needs' : 'need';
  return [
    troubled === 0
      ? 'No tenant needs you'
      : `${troubled.toLocaleString('en')} of ${count(tenants.length, 'tenant')} ${need} you`,
    ending === 0 ? [] : `${ending.toLocaleString('en')} ${ending === 1 ? 'ends' : 'end'} soon`,
  ]
    .flat()
    .join(', ');
}

/** Replaces the address, so that the back button leaves the page instead of undoing each letter. */
const show = (filter: TenantFilter): void => replaceAddress(tenantsLink(filter));

interface MatrixProps extends FilterProps {
  readonly answer: TenantsAnswer;
  readonly found: readonly Tenant[];
  readonly jobs: Awaited<ReturnType<typeof readJobRuns>>;
}

function Matrix({ answer, found, filter, jobs }: MatrixProps) {
  const { tenants, groups, warnings } = answer;
  const causes = useMemo(() => causesOf(tenants), [tenants]);
  const nights = useMemo(
    () =>
      jobs
        .filter(({ runs }) => runs.length > 0)
        .slice(0, jobsWithNights)
        .flatMap(({ runs }) => nightsOf(runs, nightsShown).flatMap(({ run }) => run ?? [])),
    [jobs],
  );
  const failures = useFailures(
    nights,
    jobs.flatMap(({ runs }) => runs),
  );
  const jobColumns = useMemo(() => jobColumnsOf(tenants, jobs, failures), [tenants, jobs, failures]);
  const hasMarks = tenants.some(({ tags = [], groups: some = [] }) => tags.length + some.length > 0);
  const isGrouped = filter.sort === undefined;
  const trendOf = useTrends(jobs, isGrouped ? tenants : []);
  const trends = causes.map((cause) => trendOf(cause)?.since).join();
  const [failed, setFailed] = useState<readonly Failed[]>();
  const items = useMemo(() => {
    const ways = { jobs: jobs.map(({ job }) => job), onTry: setFailed };
    return isGrouped ? grouped(found, causes, trendOf, ways) : found;
  }, [found, causes, trends, isGrouped, jobs]);
  // Of a tenant with several causes, that of the first one, under which it stands.
  const later = useMemo(
    () => new Map(causes.toReversed().flatMap((cause) => [...(trendOf(cause)?.later ?? [])])),
    [causes, trends],
  );
  const columns = useMemo(
    () => tenantColumns(jobColumns, hasMarks, isGrouped, later),
    [jobColumns, hasMarks, isGrouped, later],
  );
  const narrow = useMemo(() => narrowColumns(jobColumns, isGrouped, later), [jobColumns, isGrouped, later]);
  return (
    <>
      <Warnings texts={warnings} />
      <Filters filter={filter} tenants={tenants} causes={causes.map(({ cause }) => cause)} groups={groups}>
        <span role="status" class={found.length === tenants.length ? 'visually-hidden' : undefined}>
          {countOf(found.length, tenants.length, 'tenant')}
        </span>
      </Filters>
      {found.length === 0 ? (
        tenants.length === 0 ? (
          <Empty title={noTenant} />
        ) : (
          <Empty title="No tenant matches the filter.">
            <a href="#/tenants">Show all tenants</a>
          </Empty>
        )
      ) : (
        <VirtualRows
          label="Tenants"
          columns={columns}
          narrow={narrow}
          items={items}
          keyOf={keyOf}
          sort={parseOrder(filter.sort)}
          onSort={(sort) => show({ ...filter, sort: orderText(sort) })}
          onOpen={open}
        />
      )}
      {failed && <TryAgainDialog failed={failed} onClose={() => setFailed(undefined)} />}
    </>
  );
}

/** Undefined if the results of jobs could not be read. */
function jobColumnsOf(
  tenants: readonly Tenant[],
  jobs: MatrixProps['jobs'],
  failures: readonly Failures[],
): readonly JobColumn[] | undefined {
  if (!areResultsKnown(tenants)) return undefined;
  // A plan is no nightly result. What plans came to is in one column.
  const changing = new Set(jobs.flatMap(({ job }) => (job.changes === true ? [job.name] : [])));
  const results = tenants.flatMap(({ lastResults = [] }) => lastResults);
  const names = [...new Set(results.map(({ job }) => job))].filter((name) => !changing.has(name)).toSorted();
  return [
    ...names.map((name) => ({
      name,
      title: jobs.find(({ job }) => job.name === name)?.job.title ?? name,
      nights: nightsOf(jobs.find(({ job }) => job.name === name)?.runs ?? [], nightsShown, nightsShown).map(({ run }) =>
        failures.find((night) => night.run.runId === run?.runId),
      ),
    })),
    ...(results.some(isApply)
      ? [{ name: changesColumn, title: 'Applies that no later plan of their job follows', nights: [] }]
      : []),
  ];
}

const keyOf = ({ tenantId }: Tenant): string => tenantId;

const open = ({ tenantId }: Tenant): void => {
  goTo(tenantLink(tenantId));
};

const otherGroups: readonly (readonly [string, string])[] = [
  ['ends', titleOf('gdap_expiring')],
  ['unknown', 'It is not known whether jobs failed'],
  ['well', 'No failures now'],
  ['left out', 'Left out by the settings'],
];

const endsFirst = (one: Tenant, other: Tenant): number =>
  (one.relationshipEndsAt ?? '').localeCompare(other.relationshipEndsAt ?? '');

/** The tenants under their causes, the causes of most tenants first, each with what helps. */
function grouped(
  found: readonly Tenant[],
  causes: readonly Cause[],
  trendOf: ReturnType<typeof useTrends>,
  ways: Pick<Parameters<typeof GroupHead>[0], 'jobs' | 'onTry'>,
): readonly (Tenant | RowGroup)[] {
  const byGroup = Map.groupBy(found, groupOf);
  return [...causes.map(({ cause }) => [cause, titleOf(cause)] as const), ...otherGroups].flatMap(([key, title]) => {
    const some = byGroup.get(key);
    if (some === undefined) return [];
    const cause = causes.find((one) => one.cause === key);
    const tone = cause?.tone ?? (key === 'ends' ? 'warn' : undefined);
    const since = cause && trendOf(cause)?.since;
    const advice = tone && adviceOf(key === 'ends' ? 'gdap_expiring' : key);
    const below = new Set(some);
    // Those that a filter leaves.
    const shown = cause && { ...cause, tenants: cause.tenants.filter(({ tenant }) => below.has(tenant)) };
    const ending = key === 'ends' ? { cause: 'gdap_expiring', tenants: [] } : undefined;
    const text = [advice ?? [], key === 'ends' ? [] : lastAnswersText(some)].flat().join(' ');
    const head = (
      <GroupHead
        {...{ title, tone, since, ...ways }}
        advice={text || undefined}
        cause={shown ?? ending}
        count={some.length}
      >
        {shown && key === 'change_failed' ? <ShowChange cause={shown} /> : null}
      </GroupHead>
    );
    return [new RowGroup(key, head), ...(key === 'ends' ? some.toSorted(endsFirst) : some)];
  });
}

/** Why the rows of tenants without a relationship show no failure. Empty without such rows. */
function lastAnswersText(tenants: readonly Tenant[]): readonly string[] {
  const answered = tenants.filter((tenant) => lastAnswerText(tenant) !== undefined);
  const [first] = answered;
  if (first === undefined) return [];
  return answered.length === 1
    ? [`${first.name} ${lastAnswerText(first)}.`]
    : [`${count(answered.length, 'tenant')} answered lately; runs no longer visit them.`];
}

/** The rows that say why, if the changes are of one run. */
function ShowChange({ cause: { tenants } }: { readonly cause: Cause }) {
  const [runId, ...others] = new Set(tenants.flatMap(({ results }) => results.map((result) => result.runId)));
  return runId === undefined || others.length > 0 ? null : (
    <a class="btn s" href={runLink(runId, 'rows')} tabIndex={-1}>
      Show the change
    </a>
  );
}

interface FiltersProps extends FilterProps {
  readonly tenants: readonly Tenant[];
  readonly causes: readonly string[];
  readonly groups: readonly string[];
  readonly children: preact.ComponentChildren;
}

/** The first three are those of the title. The others overlap with them, are for links, and shown when they are chosen. */
const showTexts = [
  ['needs action', 'Need you'],
  ['ends soon', 'End soon'],
  ['no trouble', 'No failures now'],
  ['unreachable', 'No access'],
  ['last run failed', 'Failed'],
] as const;
const alwaysShown = 3;

function Filters({ filter, tenants, causes, groups, children }: FiltersProps) {
  const marks = useMemo(() => markOptions(tenants, groups), [tenants, groups]);
  // Not for each letter of a search: there may be thousands.
  const counted = useMemo(
    () =>
      showTexts
        .filter(([value], at) => at < alwaysShown || value === filter.show)
        .map(([value, text]) => [value, text, filterTenants(tenants, { show: value }).length] as const),
    [tenants, filter.show],
  );
  const choices = [
    { name: 'cause', label: 'Cause', options: causes, textOf: titleOf },
    { name: 'group', label: 'Group', options: marks.groups },
    { name: 'tag', label: 'Tag', options: marks.tags },
  ] as const;
  return (
    <form class="filters" aria-label="Filter" onSubmit={(event) => event.preventDefault()}>
      <Search
        value={filter.search ?? ''}
        placeholder="Name, domain or id"
        onInput={(search) => show({ ...filter, search })}
      />
      <Segments
        label="Show"
        value={filter.show ?? ''}
        options={[['', 'All', tenants.length], ...counted]}
        onChoose={(value) => show({ ...filter, show: value })}
      />
      <Folded name="Filter" set={choices.filter(({ name }) => filter[name] !== undefined).length}>
        {choices.map(({ name, label, options, ...more }) => {
          const all = withChosen(options, filter[name]);
          // Without any, there is nothing to choose.
          return all.length === 0 ? null : (
            <Choice
              key={name}
              label={label}
              value={filter[name] ?? ''}
              options={all}
              {...more}
              onChoose={(value) => show({ ...filter, [name]: value })}
            />
          );
        })}
      </Folded>
      {filter.sort === undefined ? null : <SortByTrouble onSort={() => show({ ...filter, sort: '' })} />}
      {children}
    </form>
  );
}
