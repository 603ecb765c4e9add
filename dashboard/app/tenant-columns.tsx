import { localDate } from './format.ts';
import { Badge, OutcomeBadge } from './pieces.tsx';
import { tenantLink } from './route.ts';
import { endsSoon, isWell, type Tenant, titleOf, troublesOf } from '../../src/lib/api/trouble.ts';
import type { RowsColumn } from './virtual-rows.tsx';

/**
 * The columns of the matrix: the tenant, access, the end of the relationship, and one column per job.
 * @param hasTags whether some tenant has tags: a column shows them.
 * @param jobs undefined if the results of jobs could not be read: one column says so.
 */
export function tenantColumns(jobs: readonly string[] | undefined, hasTags: boolean): readonly RowsColumn<Tenant>[] {
  return [
    { id: 'tenant', title: 'Tenant', width: 14, sortable: true, cell: (tenant) => <NameLink tenant={tenant} /> },
    { id: 'access', title: 'Access', width: 10, sortable: true, cell: (tenant) => <Access tenant={tenant} /> },
    { id: 'ends', title: 'Ends', width: 8.5, sortable: true, cell: (tenant) => <End tenant={tenant} /> },
    ...(jobs === undefined ? [unknownResults] : jobs.map(resultColumn)),
    ...(hasTags ? [tagsColumn] : []),
  ];
}

const tagsColumn: RowsColumn<Tenant> = {
  id: 'tags',
  title: 'Tags',
  width: 10,
  cell: ({ tags = [] }) => <span title={tags.join(', ')}>{tags.join(', ')}</span>,
};

const unknownResults: RowsColumn<Tenant> = {
  id: 'results',
  title: 'Last results',
  width: 12,
  cell: () => <span class="quiet">not known</span>,
};

const resultColumn = (job: string): RowsColumn<Tenant> => ({
  id: job,
  title: job,
  width: 12,
  sortable: true,
  cell: (tenant) => <Result tenant={tenant} job={job} />,
});

/** The only column on a narrow screen: the tenant, and the worst that is wrong with it below. */
export const narrowColumns: readonly RowsColumn<Tenant>[] = [
  {
    id: 'tenant',
    title: 'Tenant',
    width: 14,
    sortable: true,
    cell: (tenant) => (
      <span class="stack">
        <NameLink tenant={tenant} />
        <State tenant={tenant} />
      </span>
    ),
  },
];

/** Height of a row with `narrowColumns`, in rem. */
export const narrowRowHeight = 4;

function NameLink({ tenant: { tenantId, name, defaultDomain } }: { readonly tenant: Tenant }) {
  return (
    <a href={tenantLink(tenantId)} tabIndex={-1} title={defaultDomain ?? tenantId}>
      {name}
    </a>
  );
}

/** The state of the access to a tenant in a few words. */
export function Access({ tenant }: { readonly tenant: Tenant }) {
  const { reachable, reason, explanation } = tenant;
  const [trouble] = reachable ? [] : troublesOf(tenant);
  return (
    <span title={explanation}>
      {reachable ? (
        <Badge state="ok">reachable</Badge>
      ) : (
        <span class={`badge ${trouble?.tone ?? 'idle'}`}>{reason.replaceAll('_', ' ')}</span>
      )}
    </span>
  );
}

function End({ tenant }: { readonly tenant: Tenant }) {
  const { relationshipEndsAt } = tenant;
  if (relationshipEndsAt === undefined) return <span class="quiet">–</span>;
  const date = <time dateTime={relationshipEndsAt}>{localDate(relationshipEndsAt)}</time>;
  return endsSoon(tenant) ? <span class="badge warn">{date}</span> : date;
}

/** The last result of a job. Without access every job fails, and the column before says why. */
function Result({ tenant: { reachable, lastResults }, job }: { readonly tenant: Tenant; readonly job: string }) {
  const result = lastResults?.find((known) => known.job === job);
  if (result === undefined) return <span class="quiet">no result</span>;
  return <OutcomeBadge outcome={result.outcome} code={reachable ? result.code : undefined} />;
}

function State({ tenant }: { readonly tenant: Tenant }) {
  const [worst] = troublesOf(tenant).toSorted((a, b) => a.tone.localeCompare(b.tone));
  if (worst !== undefined)
    return (
      <span class={`badge ${worst.tone}`} title={titleOf(worst.cause)}>
        {worst.cause.replaceAll('_', ' ')}
      </span>
    );
  if (!tenant.reachable) return <span class="badge idle">{tenant.reason.replaceAll('_', ' ')}</span>;
  if (endsSoon(tenant)) return <span class="badge warn">ends soon</span>;
  return isWell(tenant) ? (
    <span class="badge good">no trouble</span>
  ) : (
    <span class="badge idle">results not known</span>
  );
}
