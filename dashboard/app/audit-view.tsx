import type { AuditFilter } from './view-filter.ts';
import { AuditFilters } from './audit-filters.tsx';
import { type AuditPages, useAuditPages } from './audit-pages.ts';
import { AuditTable } from './audit-table.tsx';
import { useSignedIn } from './context.ts';
import { Icon } from './icon.tsx';
import { useNames } from './names.ts';
import { count } from './format.ts';
import { MoreButton } from './more.tsx';
import { Empty, Failure, Head, Loading, Time } from './pieces.tsx';
import { forRole } from './role-needed.tsx';
import { usePolling } from './polling.ts';

export const AuditView = forRole(['Audit.Read'], 'Audit', Records);

function Records({ filter }: { readonly filter: AuditFilter }) {
  const pages = useAuditPages(filter);
  const names = useNames();
  const { records, range, busy, failure } = pages;
  return (
    <>
      <Head title={headline(pages)} name="Audit" lede={<Proof range={range} />}>
        <button type="button" aria-disabled={busy} onClick={busy ? undefined : pages.reload}>
          <Icon name="again" /> Reload
        </button>
      </Head>
      <AuditFilters filter={filter}>
        <span role="status">{busy ? 'Loading…' : countText(pages)}</span>
      </AuditFilters>
      <Failure failure={failure} />
      <div aria-busy={busy}>
        {range === undefined && failure === undefined ? <Loading /> : null}
        {records.length === 0 ? (
          range === undefined || busy ? null : (
            <Empty title="No record matches in this period." />
          )
        ) : (
          <AuditTable records={records} filter={filter} names={names} />
        )}
      </div>
      <More pages={pages} />
    </>
  );
}

/** How much of what was read was denied. */
function headline({ records, continuation }: AuditPages): string {
  if (records.length === 0) return 'Audit';
  const denied = records.filter(({ outcome }) => outcome === 'denied').length;
  const all = `${count(records.length, 'record')}${continuation === undefined ? '' : ' so far'}`;
  return `${all}, ${denied === 0 ? 'none' : denied.toLocaleString('en')} denied`;
}

/** The period, and up to when the order of the records can be proven. */
function Proof({ range }: { readonly range: AuditPages['range'] | undefined }) {
  const { api } = useSignedIn();
  const health = usePolling(api.health, 'health', undefined).value;
  const checkpoints = health !== undefined && 'applications' in health ? health.auditCheckpoints : undefined;
  return (
    <>
      {range === undefined ? null : (
        <>
          From <Time iso={range.from} exact /> to <Time iso={range.to} exact />, newest first.{' '}
        </>
      )}
      {checkpoints?.lastAt === undefined ? null : (
        <>
          The order is proven up to <Time iso={checkpoints.lastAt} short />.
        </>
      )}
    </>
  );
}

function countText({ records, continuation, failure }: AuditPages): string {
  if (failure !== undefined) return '';
  const loaded = count(records.length, 'record');
  if (continuation !== undefined) return `${loaded} so far`;
  return records.length === 0 ? 'No records' : `${loaded} in total`;
}

function More({ pages: { loadMore, busy, records } }: { readonly pages: AuditPages }) {
  return (
    <MoreButton
      text={records.length === 0 ? 'Look further back' : 'Show more'}
      busy={busy}
      onMore={loadMore}
      end={records.length === 0 ? undefined : 'There are no older records in this period.'}
    />
  );
}
