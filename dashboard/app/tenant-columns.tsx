import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { outcomeStyle } from '../../src/lib/core/outcomes.ts';
import { Marks } from './charts.tsx';
import { localDate } from './format.ts';
import type { Failures } from './nights.ts';
import { ToneBadge } from './pieces.tsx';
import { tenantLink } from './route.ts';
import { endsSoon, isWell, type Tenant, titleOf, troublesOf } from '../../src/lib/api/trouble.ts';
import type { RowsColumn } from './virtual-rows.tsx';

/** A job in the matrix, with its last nights as far as they are known. */
export interface JobColumn {
  readonly name: string;
  readonly title: string;
  /** Oldest first. */
  readonly nights: readonly Failures[];
}

/**
 * The columns of the matrix: the tenant, access, the end of the relationship, and one column per job.
 * @param hasMarks whether some tenant has groups or tags: a column shows them.
 * @param isGrouped headings say whether and why there is no access.
 * @param jobs undefined if the results of jobs could not be read: one column says so.
 */
export function tenantColumns(
  jobs: readonly JobColumn[] | undefined,
  hasMarks: boolean,
  isGrouped: boolean,
): readonly RowsColumn<Tenant>[] {
  return [
    { id: 'tenant', title: 'Tenant', width: 12, sortable: true, cell: (tenant) => <NameLink tenant={tenant} /> },
    ...((jobs?.length ?? 0) > (isGrouped ? 5 : 4) ? [] : [domainColumn]),
    ...(isGrouped ? [] : [accessColumn]),
    { id: 'ends', title: 'Ends', width: 7.5, sortable: true, cell: (tenant) => <End tenant={tenant} /> },
    ...(hasMarks ? [marksColumn] : []),
    ...(jobs === undefined ? [unknownResults] : jobs.map(resultColumn)),
  ];
}

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
  width: 12,
  cell: ({ defaultDomain }) => <span class="quiet">{defaultDomain}</span>,
};

const marksColumn: RowsColumn<Tenant> = {
  id: 'tags',
  title: 'Groups and tags',
  width: 8.5,
  cell: (tenant) => {
    const names = marksOf(tenant);
    return (
      <span title={names.join(', ')}>
        <TagList names={names} />
      </span>
    );
  },
};

/** The names of its groups and tags. A group may be called like the tag that it is made of. */
export const marksOf = ({
  groups = [],
  tags = [],
}: Partial<Pick<Tenant, 'groups' | 'tags'>> = {}): readonly string[] => [...new Set([...groups, ...tags])];

/** Groups and tags, each in a box. */
export const TagList = ({ names }: { readonly names: readonly string[] }) => (
  <>
    {names.map((name) => (
      <>
        <span class="tag">{name}</span>{' '}
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

/** Of a job in a narrow column: `MFA`, `Secret expiry`. The name says it in fewer words than the title. */
function shortName(job: string): string {
  const words = job.replace(/-(?:report|check)$/, '').replaceAll('-', ' ');
  return words.length <= 3 ? words.toUpperCase() : `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

const resultColumn = (job: JobColumn): RowsColumn<Tenant> => ({
  id: job.name,
  title: shortName(job.name),
  hint: job.title,
  width: 5.9,
  sortable: true,
  cell: (tenant) => <Result tenant={tenant} job={job} />,
});

/**
 * The columns on a narrow screen: the tenant with its domain, and the last result of each job.
 * @param isGrouped headings say what is wrong. Otherwise the worst stands before the domain.
 */
export const narrowColumns = (
  jobs: readonly JobColumn[] | undefined,
  isGrouped: boolean,
): readonly RowsColumn<Tenant>[] => [
  {
    id: 'tenant',
    title: 'Tenant',
    width: 12,
    sortable: true,
    cell: (tenant) => (
      <span class="two-lines">
        <NameLink tenant={tenant} />
        <span class="small">{[isGrouped ? [] : stateOf(tenant), tenant.defaultDomain ?? []].flat().join(' · ')}</span>
      </span>
    ),
  },
  {
    id: 'results',
    title: 'Last night',
    width: 5.5,
    align: 'end',
    cell: ({ lastResults }) => (
      <Marks
        areAllNow
        label={lastResults?.map(({ job, outcome }) => `${job}: ${outcomeWord(outcome)}`).join(', ') ?? 'not known'}
        tones={(jobs ?? []).map(({ name }) => {
          const outcome = lastResults?.find(({ job }) => job === name)?.outcome;
          return outcome === undefined ? 'idle' : outcomeStyle(outcome).tone;
        })}
      />
    ),
  },
];

function NameLink({ tenant: { tenantId, name, defaultDomain, explanation } }: { readonly tenant: Tenant }) {
  return (
    <a href={tenantLink(tenantId)} tabIndex={-1} title={`${name}, ${defaultDomain ?? tenantId}. ${explanation}`}>
      {name}
    </a>
  );
}

/** The state of the access to a tenant in a few words. */
export function Access({ tenant }: { readonly tenant: Tenant }) {
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

function End({ tenant }: { readonly tenant: Tenant }) {
  const { relationshipEndsAt } = tenant;
  if (relationshipEndsAt === undefined) return <span class="quiet">–</span>;
  const date = <time dateTime={relationshipEndsAt}>{localDate(relationshipEndsAt)}</time>;
  return endsSoon(tenant) ? <ToneBadge tone="warn">{date}</ToneBadge> : <span class="quiet">{date}</span>;
}

/** The last result of a job, after those of the nights before. */
function Result({ tenant: { tenantId, lastResults }, job }: { readonly tenant: Tenant; readonly job: JobColumn }) {
  const last = lastResults?.find((known) => known.job === job.name);
  if (last === undefined) return <span class="quiet">no result</span>;
  const before = job.nights.filter(({ run }) => run.runId !== last.runId);
  const failed = before.filter(({ codes }) => codes.has(tenantId)).length;
  const text = last.code === undefined || last.outcome !== 'failed' ? outcomeWord(last.outcome) : titleOf(last.code);
  return (
    <span title={text}>
      <Marks
        label={`${text}${before.length === 0 ? '' : `, failed in ${failed} of ${before.length} nights before`}`}
        tones={[...before.map(({ codes }) => (codes.has(tenantId) ? 'bad' : 'good')), outcomeStyle(last.outcome).tone]}
      />
    </span>
  );
}

/** The worst that is wrong, in a few words. */
function stateOf(tenant: Tenant): string {
  const [worst] = troublesOf(tenant).toSorted((a, b) => a.tone.localeCompare(b.tone));
  if (worst !== undefined) return titleOf(worst.cause);
  if (!tenant.reachable) return titleOf(tenant.reason);
  return endsSoon(tenant) ? titleOf(tenant.reason) : isWell(tenant) ? 'no trouble' : 'results not known';
}
