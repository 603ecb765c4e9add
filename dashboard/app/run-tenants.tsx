import { useMemo, useState } from 'preact/hooks';
import type { RunTenant, RunTenantsAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord, tenantStates } from '../../src/lib/core/outcomes.ts';
import { isEnded } from '../../src/lib/runs/store/run.ts';
import { Choice } from './choice.tsx';
import { ErrorGroups } from './error-groups.tsx';
import { countOf, duration } from './format.ts';
import { Clock, OutcomeBadge } from './pieces.tsx';
import { RunTenantDetails } from './run-tenant-details.tsx';
import { filterTenants, type RunTenantFilter, sortTenants, tookMs } from './run-tenant-list.ts';
import { type RowsColumn, type RowsSort, VirtualRows } from './virtual-rows.tsx';

const columns: readonly RowsColumn<RunTenant>[] = [
  { id: 'name', title: 'Tenant', width: 11.5, sortable: true, cell: ({ name }) => name },
  {
    id: 'outcome',
    title: 'Outcome',
    width: 12.5,
    sortable: true,
    cell: ({ outcome, code }) => <OutcomeBadge outcome={outcome} code={code} />,
  },
  {
    id: 'rows',
    title: 'Rows',
    width: 5,
    align: 'end',
    sortable: true,
    cell: ({ rows, more }) => `${rows.toLocaleString('en')}${more === true ? '+' : ''}`,
  },
  { id: 'attempts', title: 'Attempts', width: 6, align: 'end', sortable: true, cell: ({ attempts }) => attempts },
  { id: 'took', title: 'Took', width: 5.5, align: 'end', sortable: true, cell: tookText },
  {
    id: 'finished',
    title: 'Finished',
    width: 6,
    sortable: true,
    cell: ({ finishedAt }) => (finishedAt === undefined ? '' : <Clock iso={finishedAt} exact />),
  },
];

/** Sorted by trouble at first. */
const firstSort: RowsSort = { column: 'outcome', descending: false };

const keyOf = ({ tenantId }: RunTenant): string => tenantId;

/** The tenants of a run in a table, and their failures grouped by cause. */
export function RunTenants({ answer }: { readonly answer: RunTenantsAnswer }) {
  const { runId, status, tenants, codes } = answer;
  const [filter, setFilter] = useState<RunTenantFilter>({ search: '', outcome: '' });
  const [sort, setSort] = useState(firstSort);
  const [openKey, setOpenKey] = useState<string>();
  const shown = useMemo(() => sortTenants(filterTenants(tenants, filter), sort), [tenants, filter, sort]);
  const open = tenants.find((tenant) => keyOf(tenant) === openKey);
  if (tenants.length === 0) return <p class="quiet empty">{noTenants(status)}</p>;
  return (
    <div class={codes.length === 0 ? 'run-body' : 'run-body with-errors'}>
      <section class="run-tenants" aria-label="Tenants">
        <Filters filter={filter} tenants={tenants} shown={shown.length} onChange={setFilter} />
        {shown.length === 0 ? (
          <p class="quiet empty">No tenant matches the filter.</p>
        ) : (
          <VirtualRows
            label="Tenants of the run"
            columns={columns}
            items={shown}
            keyOf={keyOf}
            sort={sort}
            onSort={setSort}
            onOpen={(tenant) => setOpenKey(keyOf(tenant))}
            openKey={openKey}
          />
        )}
        <p class="quiet hint">Choose a tenant to see its error, what to do, and what the job logged.</p>
      </section>
      <ErrorGroups tenants={tenants} codes={codes} />
      {open === undefined ? null : (
        <RunTenantDetails runId={runId} tenant={open} codes={codes} onClose={() => setOpenKey(undefined)} />
      )}
    </div>
  );
}

function Filters(props: {
  readonly filter: RunTenantFilter;
  readonly tenants: readonly RunTenant[];
  /** Number of tenants that the filter lets through. */
  readonly shown: number;
  readonly onChange: (filter: RunTenantFilter) => void;
}) {
  const { filter, tenants, shown, onChange } = props;
  return (
    <div class="filters">
      <label>
        Search{' '}
        <input
          type="search"
          value={filter.search}
          placeholder="name, id or error"
          onInput={(event) => onChange({ ...filter, search: event.currentTarget.value })}
        />
      </label>
      <Choice
        label="Outcome"
        value={filter.outcome}
        options={tenantStates.filter((state) => tenants.some(({ outcome }) => outcome === state))}
        textOf={outcomeWord}
        onChoose={(outcome) => onChange({ ...filter, outcome })}
      />
      <span class="quiet" role="status">
        {countOf(shown, tenants.length, 'tenant')}
      </span>
    </div>
  );
}

function tookText(tenant: RunTenant): string {
  const ms = tookMs(tenant);
  return ms === undefined ? '' : duration(ms);
}

function noTenants(status: RunTenantsAnswer['status']): string {
  if (!isEnded(status)) return 'The tenants are being listed.';
  return status === 'completed' ? 'This run had no tenants.' : 'The run ended before its tenants were listed.';
}
