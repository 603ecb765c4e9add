import { useMemo } from 'preact/hooks';
import type { TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import { Choice } from './choice.tsx';
import { useRole, useSignedIn } from './context.ts';
import { count } from './format.ts';
import { useNarrow } from './narrow.ts';
import { Loaded, RoleNeeded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { goTo, replaceAddress, tenantLink } from './route.ts';
import { noTenant } from './customers.tsx';
import { narrowColumns, narrowRowHeight, tenantColumns } from './tenant-columns.tsx';
import {
  filterTenants,
  markOptions,
  orderText,
  parseOrder,
  showOptions,
  sortTenants,
  type TenantFilter,
  tenantsLink,
} from './tenant-filter.ts';
import { areResultsKnown, causesOf, type Tenant, titleOf } from '../../src/lib/api/trouble.ts';
import { VirtualRows } from './virtual-rows.tsx';

const intervalMs = 60_000;

interface FilterProps {
  readonly filter: TenantFilter;
}

export function TenantsView({ filter }: FilterProps) {
  return useRole('Tenants.Read') ? <TenantList filter={filter} /> : <RoleNeeded title="Tenants" role="Tenants.Read" />;
}

function TenantList({ filter }: FilterProps) {
  const { api } = useSignedIn();
  const polled = usePolling(api.tenants, 'tenants', intervalMs);
  return (
    <>
      <h2>Tenants</h2>
      <Loaded polled={polled}>{(answer) => <Matrix answer={answer} filter={filter} />}</Loaded>
    </>
  );
}

/** Replaces the address, so that the back button leaves the page instead of undoing each letter. */
const show = (filter: TenantFilter): void => replaceAddress(tenantsLink(filter));

function Matrix({ answer, filter }: FilterProps & { readonly answer: TenantsAnswer }) {
  const { tenants, groups, warnings, asOf } = answer;
  const jobNames = jobNamesOf(tenants);
  // The same array for the same jobs: new columns render every row again.
  const hasTags = tenants.some(({ tags = [] }) => tags.length > 0);
  const columns = useMemo(() => tenantColumns(jobNames, hasTags), [jobNames?.join(), hasTags]);
  const marks = useMemo(() => markOptions(tenants, groups), [tenants, groups]);
  const causes = useMemo(() => causesOf(tenants), [tenants]);
  const order = parseOrder(filter.sort);
  const found = useMemo(
    () => sortTenants(filterTenants(tenants, filter), order),
    [tenants, filter.search, filter.show, filter.cause, filter.group, filter.tag, filter.sort],
  );
  return (
    <>
      {warnings.map((warning) => (
        <Notice kind="warn" key={warning}>
          <Sentence text={warning} />
        </Notice>
      ))}
      <Filters filter={filter} causes={causes.map(({ cause }) => cause)} marks={marks} />
      <p class="quiet">
        <span role="status">
          {found.length === tenants.length
            ? count(found.length, 'tenant')
            : `${found.length.toLocaleString('en')} of ${count(tenants.length, 'tenant')}`}
        </span>
        {' as of '}
        <Time iso={asOf} />
        {order.column === 'trouble' ? ', those with trouble first' : ''}
      </p>
      <Rows found={found} all={tenants} columns={columns} filter={filter} />
    </>
  );
}

/** Undefined if the results of jobs could not be read. */
function jobNamesOf(tenants: readonly Tenant[]): readonly string[] | undefined {
  if (!areResultsKnown(tenants)) return undefined;
  return [...new Set(tenants.flatMap(({ lastResults = [] }) => lastResults.map(({ job }) => job)))].toSorted();
}

interface RowsProps extends FilterProps {
  readonly found: readonly Tenant[];
  readonly all: readonly Tenant[];
  readonly columns: ReturnType<typeof tenantColumns>;
}

function Rows({ found, all, columns, filter }: RowsProps) {
  const isNarrow = useNarrow();
  if (found.length === 0)
    return (
      <p class="empty">
        {all.length === 0 ? (
          noTenant
        ) : (
          <>
            No tenant matches the filter. <a href="#/tenants">Show all tenants</a>
          </>
        )}
      </p>
    );
  return (
    <VirtualRows
      label="Tenants"
      columns={isNarrow ? narrowColumns : columns}
      {...(isNarrow ? { rowHeight: narrowRowHeight } : {})}
      items={found}
      keyOf={keyOf}
      sort={parseOrder(filter.sort)}
      onSort={(sort) => show({ ...filter, sort: orderText(sort) })}
      onOpen={open}
    />
  );
}

const keyOf = ({ tenantId }: Tenant): string => tenantId;

const open = ({ tenantId }: Tenant): void => {
  goTo(tenantLink(tenantId));
};

/** The options with the chosen one, which the data may lack. */
const withChosen = (options: readonly string[], chosen: string | undefined): readonly string[] =>
  chosen === undefined || options.includes(chosen) ? options : [...options, chosen];

interface FiltersProps extends FilterProps {
  readonly causes: readonly string[];
  readonly marks: ReturnType<typeof markOptions>;
}

/** Groups and tags. Without any, there is nothing to choose. */
function MarkFilters({ filter, marks }: Pick<FiltersProps, 'filter' | 'marks'>) {
  const groups = withChosen(marks.groups, filter.group);
  const tags = withChosen(marks.tags, filter.tag);
  return (
    <>
      {groups.length === 0 ? null : (
        <Choice
          label="Group"
          value={filter.group ?? ''}
          options={groups}
          onChoose={(group) => show({ ...filter, group })}
        />
      )}
      {tags.length === 0 ? null : (
        <Choice label="Tag" value={filter.tag ?? ''} options={tags} onChoose={(tag) => show({ ...filter, tag })} />
      )}
    </>
  );
}

function Filters({ filter, causes, marks }: FiltersProps) {
  const known = withChosen(causes, filter.cause);
  return (
    <form class="filters" aria-label="Filter" onSubmit={(event) => event.preventDefault()}>
      <label>
        Search{' '}
        <input
          type="search"
          value={filter.search ?? ''}
          placeholder="name, domain or id"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => show({ ...filter, search: event.currentTarget.value })}
        />
      </label>
      <Choice
        label="Show"
        value={filter.show ?? ''}
        options={showOptions}
        onChoose={(value) => show({ ...filter, show: value })}
      />
      <Choice
        label="Cause"
        value={filter.cause ?? ''}
        options={known}
        textOf={titleOf}
        onChoose={(cause) => show({ ...filter, cause })}
      />
      <MarkFilters filter={filter} marks={marks} />
      {filter.sort === undefined ? null : (
        <button type="button" onClick={() => show({ ...filter, sort: '' })}>
          Sort by trouble
        </button>
      )}
    </form>
  );
}
