import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { AuditFilter } from './audit-filter.ts';
import { AuditFilters } from './audit-filters.tsx';
import { type AuditPages, useAuditPages } from './audit-pages.ts';
import { AuditTable } from './audit-table.tsx';
import { useRole, useSignedIn } from './context.ts';
import { count } from './format.ts';
import { Failure, Loading, RoleNeeded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';

export function AuditView({ filter }: { readonly filter: AuditFilter }) {
  return useRole('Audit.Read') ? <Records filter={filter} /> : <RoleNeeded title="Audit" role="Audit.Read" />;
}

function Records({ filter }: { readonly filter: AuditFilter }) {
  const pages = useAuditPages(filter);
  const names = useTenantNames();
  const { records, range, busy, failure } = pages;
  return (
    <>
      <div class="title-row">
        <h2>Audit</h2>
        <button type="button" aria-disabled={busy} onClick={busy ? undefined : pages.reload}>
          Reload
        </button>
      </div>
      <AuditFilters filter={filter} />
      <p class="quiet">
        <span role="status">{busy ? 'Loading…' : countText(pages)}</span>
        {range === undefined ? null : (
          <>
            {' '}
            from <Time iso={range.from} exact /> to <Time iso={range.to} exact />
            {records.length === 0 ? '' : ', newest first'}
          </>
        )}
      </p>
      <Failure failure={failure} />
      <div aria-busy={busy}>
        {range === undefined && failure === undefined ? <Loading /> : null}
        {records.length === 0 ? null : <AuditTable records={records} filter={filter} names={names} />}
      </div>
      <More pages={pages} />
    </>
  );
}

/** Tenant names by tenant id. Empty if the token lacks Tenants.Read: the table then shows ids. */
function useTenantNames(): ReadonlyMap<string, string> {
  const { api } = useSignedIn();
  const mayRead = useRole('Tenants.Read');
  const { value } = usePolling(async () => (mayRead ? api.tenants() : undefined), 'tenant names', undefined);
  return useMemo(() => new Map(value?.tenants.map(({ tenantId, name }) => [tenantId, name])), [value]);
}

function countText({ records, continuation, failure }: AuditPages): string {
  if (failure !== undefined) return '';
  const loaded = count(records.length, 'record');
  if (continuation !== undefined) return `${loaded} so far`;
  return records.length === 0 ? 'No records' : `${loaded} in total`;
}

/** Loads the next page. After the last page, the focus moves to the text that replaces the button. */
function More({ pages: { loadMore, busy, records } }: { readonly pages: AuditPages }) {
  const end = useRef<HTMLParagraphElement>(null);
  const pressed = useRef(false);
  useEffect(() => {
    if (busy || !pressed.current) return;
    pressed.current = false;
    end.current?.focus();
  }, [busy]);
  if (loadMore === undefined)
    return records.length === 0 ? null : (
      <p ref={end} class="quiet" tabIndex={-1}>
        There are no older records in this period.
      </p>
    );
  const press = (): void => {
    if (busy) return;
    pressed.current = true;
    loadMore();
  };
  return (
    <button type="button" class="start" aria-disabled={busy} onClick={press}>
      {records.length === 0 ? 'Look further back' : 'Show more'}
    </button>
  );
}
