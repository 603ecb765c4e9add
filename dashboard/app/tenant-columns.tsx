import type { LastResult } from '../../src/lib/api/answers/tenants.ts';
import { outcomeStyle, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { capitalized } from '../../src/lib/core/text.ts';
import { lastAnswerText } from './causes.tsx';
import { Marks, marksLegend } from './charts.tsx';
import { count, localDate } from './format.ts';
import type { Failures } from './nights.ts';
import { ToneBadge } from './pieces.tsx';
import { tenantLink } from './route.ts';
import { changesColumn, lastOf } from './tenant-filter.ts';
import { endsSoon, hasEnded, isWell, type Tenant, titleOf, troublesOf } from '../../src/lib/api/trouble.ts';
import { type RowsColumn, TwoLines } from './virtual-rows.tsx';

/** A job in the matrix, with its last nights as far as they are known. `changesColumn`: all applies of change jobs. */
export interface JobColumn {
  readonly name: string;
  readonly title: string;
  /** Oldest first, with a place for each night. Undefined: no run, or not known. */
  readonly nights: readonly (Failures | undefined)[];
}

type Later = ReadonlyMap<string, string>;

/**
 * The columns of the matrix: the tenant, access, the end of the relationship, and one column per job.
 * @param hasMarks whether some tenant has groups or tags: a column shows them.
 * @param isGrouped headings say whether and why there is no access.
 * @param jobs undefined if the results of jobs could not be read: one column says so.
 * @param later since when tenants have the trouble of their heading, by id, if others had it before.
 */
export function tenantColumns(
  jobs: readonly JobColumn[] | undefined,
  hasMarks: boolean,
  isGrouped: boolean,
  later: Later,
): readonly RowsColumn<Tenant>[] {
  return [
    {
      id: 'tenant',
      title: 'Tenant',
      width: 10.5,
      sortable: true,
      cell: (tenant) => <NameLink tenant={tenant} since={later.get(tenant.tenantId)} />,
    },
    ...((jobs?.length ?? 0) > (isGrouped ? 5 : 4) ? [] : [domainColumn]),
    ...(isGrouped ? [] : [accessColumn]),
    endsColumn,
    ...(hasMarks ? [marksColumn] : []),
    ...(jobs === undefined ? [unknownResults] : jobs.map(resultColumn)),
  ];
}

const endsColumn: RowsColumn<Tenant> = {
  id: 'ends',
  title: 'Access ends',
  width: 7.5,
  sortable: true,
  cell: (tenant) => <End tenant={tenant} />,
};

const accessColumn: RowsColumn<Tenant> = {
  id: 'access',
  title: 'Access',
  width: 6.5,
  sortable: true,
  cell: (tenant) => <Access tenant={tenant} />,
};

const domainColumn: RowsColumn<Tenant> = {
  id: 'domain',
  title: 'Domain',
  width: 15,
  cell: ({ defaultDomain = '–' }) => <span class="quiet">{defaultDomain}</span>,
};

const marksColumn: RowsColumn<Tenant> = {
  id: 'tags',
  title: 'Groups and tags',
  width: 7.5,
  cell: (tenant) => {
    const names = marksOf(tenant);
    // The number of others needs the place of a name.
    const shown = names.length > marksShown ? names.slice(0, marksShown - 1) : names;
    return (
      <span title={names.join(', ')}>
        <TagList names={shown} />
        {names.length > shown.length ? <span class="quiet small">+{names.length - shown.length}</span> : null}
      </span>
    );
  },
};

const marksShown = 2;

/** The names of its groups and tags. A group may be called like the tag that it is made of. */
const marksOf = ({ groups = [], tags = [] }: Tenant): readonly string[] => [...new Set([...groups, ...tags])];

/**
 * Names, each in a box.
 * @param props.nameOf shows ids by their names. Then the ids are their titles.
 */
export const TagList = (props: { readonly names: readonly string[]; readonly nameOf?: (id: string) => string }) => (
  <>
    {props.names.map((name) => (
      <>
        <span class="tag" title={props.nameOf && name}>
          {props.nameOf?.(name) ?? name}
        </span>{' '}
      </>
    ))}
  </>
);

const unknownResults: RowsColumn<Tenant> = {
  id: 'results',
  title: 'Last results',
  width: 8,
  cell: () => <span class="quiet">not known</span>,
};

/** Of a job in a narrow column: `MFA`, `Licence`. The name says it in fewer words than the title. */
export function shortName(job: string): string {
  if (job === 'secret-expiry-report') return 'Secrets';
  const words = job.replace(/-(?:report|check)$/, '').replaceAll('-', ' ');
  return words.length <= 3 ? words.toUpperCase() : capitalized(words);
}

const columnTitle = ({ name }: JobColumn): string => (name === changesColumn ? 'Changes' : shortName(name));

const resultColumn = (job: JobColumn): RowsColumn<Tenant> => ({
  id: job.name,
  title: columnTitle(job),
  hint: `${job.title}. ${marksLegend}`,
  width: 5.2,
  sortable: true,
  cell: (tenant) => <Result tenant={tenant} job={job} />,
});

/**
 * The columns on a narrow screen: the tenant with what failed or its domain, its last nights, and the end of the relationship.
 * @param isGrouped headings say what is wrong. Otherwise the worst stands first.
 */
export const narrowColumns = (
  jobs: readonly JobColumn[] | undefined,
  isGrouped: boolean,
  later: Later,
): readonly RowsColumn<Tenant>[] => [
  {
    id: 'tenant',
    title: 'Tenant',
    width: 8.5,
    sortable: true,
    cell: (tenant) => {
      const why = isGrouped ? undefined : stateOf(tenant);
      const failed = failedText(tenant, jobs);
      const since = later.get(tenant.tenantId);
      const below = [why ?? [], failed ?? lastAnswerText(tenant) ?? tenant.defaultDomain ?? []].flat().join(' · ');
      return (
        <TwoLines
          below={<span class={failed ? 'problem' : 'cut'}>{[below, failed && since].filter(Boolean).join(' ')}</span>}
        >
          <NameLink tenant={tenant} />
        </TwoLines>
      );
    },
  },
  ...(jobs === undefined ? [] : [nightsColumn(jobs)]),
  { ...endsColumn, width: jobs === undefined ? 9.5 : 6, align: 'end' },
];

const nightsColumn = (jobs: readonly JobColumn[]): RowsColumn<Tenant> => ({
  id: 'nights',
  title: 'Nights',
  hint: marksLegend,
  width: 3.5,
  cell: (tenant) => <LastNights tenant={tenant} jobs={jobs.filter(({ name }) => name !== changesColumn)} />,
});

/** The worst of all jobs in each night, by jobs whose last result is of the same day. */
function LastNights({ tenant, jobs }: { readonly tenant: Tenant; readonly jobs: readonly JobColumn[] }) {
  const results = jobs.flatMap((job) => {
    const last = lastOf(tenant.lastResults, job.name);
    return last === undefined ? [] : [{ job, last }];
  });
  const newest =
    results
      .map(({ last }) => last.finishedAt)
      .toSorted()
      .at(-1) ?? '';
  const own = results
    .filter(({ last }) => dayOf(last.finishedAt) === dayOf(newest))
    .map(({ job, last }) => tonesOf(tenant.tenantId, last, job));
  const length = Math.max(0, ...own.map((tones) => tones.length));
  const tones = Array.from({ length }, (_, at) => {
    const night = own.map((some) => some.at(at - length) ?? '');
    return worstFirst.find((tone) => night.includes(tone)) ?? '';
  });
  const failed = tones.filter((tone) => tone === 'bad').length;
  const known = tones.filter((tone) => tone !== '').length;
  return <Marks tones={tones} label={`failed in ${failed} of ${count(known, 'night')}`} />;
}

const worstFirst: readonly string[] = ['bad', 'warn', 'active', 'good', 'idle'];

/** The jobs that failed last, by name. Nights have no changes, so these are said here. */
function failedText({ lastResults }: Tenant, jobs: readonly JobColumn[] = []): string | undefined {
  const known = jobs.filter(({ name }) => name !== changesColumn && lastOf(lastResults, name) !== undefined);
  const failed = known.filter(({ name }) => lastOf(lastResults, name)?.outcome === 'failed');
  if (failed.length === 0)
    return lastOf(lastResults, changesColumn)?.outcome === 'failed' ? titleOf('change_failed') : undefined;
  if (failed.length > 2 && failed.length === known.length) return `all ${failed.length} jobs failed`;
  return `${failed.map(columnTitle).join(', ')} failed`;
}

function NameLink(props: { readonly tenant: Tenant; readonly since?: string | undefined }) {
  const { tenantId, name, defaultDomain, explanation } = props.tenant;
  const lastAnswer = lastAnswerText(props.tenant);
  const title = `${name}, ${defaultDomain ?? tenantId}. ${explanation}${lastAnswer === undefined ? '' : ` ${capitalized(lastAnswer)}.`}`;
  return (
    <a
      href={tenantLink(tenantId)}
      tabIndex={-1}
      title={props.since === undefined ? title : `${title} In trouble ${props.since}.`}
    >
      {name}
    </a>
  );
}

/** The state of the access to a tenant in a few words. */
function Access({ tenant }: { readonly tenant: Tenant }) {
  const { reachable, reason, explanation } = tenant;
  const [trouble] = reachable ? [] : troublesOf(tenant);
  return reachable ? (
    <ToneBadge tone="good" title={explanation}>
      reachable
    </ToneBadge>
  ) : (
    <ToneBadge tone={trouble?.tone ?? 'idle'} title={explanation}>
      {titleOf(reason)}
    </ToneBadge>
  );
}

const monthMs = 30 * 86_400_000;

function End({ tenant }: { readonly tenant: Tenant }) {
  const { relationshipEndsAt, relationshipRenews, reachable, explanation } = tenant;
  if (relationshipEndsAt === undefined)
    return (
      <span class="quiet" title={explanation}>
        {reachable ? 'no end' : '–'}
      </span>
    );
  const date = <time dateTime={relationshipEndsAt}>{localDate(relationshipEndsAt)}</time>;
  if (hasEnded(tenant))
    return <span class="problem">ended{Date.parse(relationshipEndsAt) < Date.now() ? <> {date}</> : null}</span>;
  if (endsSoon(tenant)) return <ToneBadge tone="warn">{date}</ToneBadge>;
  const isNear = Date.parse(relationshipEndsAt) - Date.now() < monthMs;
  return (
    <span class="quiet">
      {date}
      {isNear && relationshipRenews === true ? ', renews' : ''}
    </span>
  );
}

const dayOf = (iso: string): string => new Date(iso).toDateString();

/** The nights before the last result, which takes the place of its night, also if only some tenants were visited again that day. */
function nightsBefore({ finishedAt }: LastResult, { nights }: JobColumn): JobColumn['nights'] {
  const lastNight = nights.at(-1)?.run.startedAt ?? '';
  const isNew = finishedAt > lastNight && dayOf(finishedAt) !== dayOf(lastNight);
  return isNew ? nights.slice(1) : nights.slice(0, -1);
}

/** The tones of a job in a tenant: of its nights, the oldest first, and of its last result. */
const tonesOf = (tenantId: string, last: LastResult, job: JobColumn): readonly string[] => [
  ...nightsBefore(last, job).map((night) => {
    if (night === undefined) return '';
    // A job that finds nothing to look at here found nothing before either.
    return night.codes.has(tenantId) ? 'bad' : last.outcome === 'skipped' ? 'idle' : 'good';
  }),
  outcomeStyle(last.outcome).tone,
];

/** The last result of a job, after those of the nights before. */
function Result({ tenant: { tenantId, lastResults }, job }: { readonly tenant: Tenant; readonly job: JobColumn }) {
  const last = lastOf(lastResults, job.name);
  const isChange = job.name === changesColumn;
  if (last === undefined) return <span class="quiet">{isChange ? '' : 'no result'}</span>;
  const known = nightsBefore(last, job).flatMap((night) => night ?? []);
  const failed = known.filter(({ codes }) => codes.has(tenantId)).length;
  const text = last.code === undefined || last.outcome !== 'failed' ? outcomeWord(last.outcome) : titleOf(last.code);
  return (
    <span title={text}>
      <Marks
        label={`${text}${known.length === 0 ? '' : `, failed in ${failed} of ${known.length} nights before`}`}
        // A change has no nights: it stands below the beginning of its heading, as the nights of a job do.
        areAllNow={isChange}
        tones={
          isChange
            ? [outcomeStyle(last.outcome).tone, ...Array.from({ length: 6 }, () => '')]
            : tonesOf(tenantId, last, job)
        }
      />
    </span>
  );
}

/** The worst that is wrong, in a few words. */
function stateOf(tenant: Tenant): string {
  const [worst] = troublesOf(tenant).toSorted((a, b) => a.tone.localeCompare(b.tone));
  if (worst !== undefined) return titleOf(worst.cause);
  if (!tenant.reachable) return titleOf(tenant.reason);
  return endsSoon(tenant) ? titleOf(tenant.reason) : isWell(tenant) ? 'answered last time' : 'results not known';
}
