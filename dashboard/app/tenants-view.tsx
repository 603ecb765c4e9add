import { useMemo, useState } from 'preact/hooks';
import type { LastResult, TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import { auditLink } from './audit-filter.ts';
import { Choice } from './choice.tsx';
import { useRole, useSignedIn } from './context.ts';
import { useDeferredList } from './deferred-list.ts';
import { count } from './format.ts';
import { Badge, Loaded, OutcomeBadge, RoleNeeded, Table, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { runLink } from './route.ts';

const intervalMs = 60_000;

type Tenant = TenantsAnswer['tenants'][number];

const filters: Readonly<Record<string, (tenant: Tenant) => boolean>> = {
  reachable: ({ reachable }) => reachable,
  unreachable: ({ reachable }) => !reachable,
  'last run failed': ({ lastResults }) => lastResults.some(({ outcome }) => outcome === 'failed'),
};

export function TenantsView() {
  return useRole('Tenants.Read') ? <TenantList /> : <RoleNeeded title="Tenants" role="Tenants.Read" />;
}

function TenantList() {
  const { api } = useSignedIn();
  const polled = usePolling(api.tenants, 'tenants', intervalMs);
  const [text, setText] = useState('');
  const [filter, setFilter] = useState('');
  const found = useMemo(() => search(polled.value?.tenants ?? [], text, filter), [polled.value, text, filter]);
  const { shown, more } = useDeferredList(found, `${text}|${filter}`);
  return (
    <>
      <h2>Tenants</h2>
      <div class="filters">
        <label>
          Search{' '}
          <input
            type="search"
            value={text}
            placeholder="name, domain or id"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <Choice label="Show" value={filter} options={Object.keys(filters)} onChoose={setFilter} />
        <span class="quiet" role="status">
          {count(found.length, 'tenant')}
        </span>
        {polled.value === undefined ? null : (
          <span class="quiet">
            as of <Time iso={polled.value.asOf} />
          </span>
        )}
      </div>
      <Loaded polled={polled}>
        {({ warnings }) => (
          <>
            <Warnings warnings={warnings} />
            <TenantTable tenants={shown} />
          </>
        )}
      </Loaded>
      {more === undefined ? null : (
        <button type="button" onClick={more}>
          Show more
        </button>
      )}
    </>
  );
}

function search(tenants: readonly Tenant[], text: string, filter: string): readonly Tenant[] {
  const wanted = text.trim().toLowerCase();
  return tenants
    .filter(filters[filter] ?? (() => true))
    .filter(({ name, defaultDomain = '', tenantId }) =>
      `${name} ${defaultDomain} ${tenantId}`.toLowerCase().includes(wanted),
    );
}

function Warnings({ warnings }: { readonly warnings: readonly string[] }) {
  return (
    <>
      {warnings.map((warning) => (
        <Notice kind="warn" key={warning}>
          <Sentence text={warning} />
        </Notice>
      ))}
    </>
  );
}

function TenantTable({ tenants }: { readonly tenants: readonly Tenant[] }) {
  const showsAudit = useRole('Audit.Read');
  return (
    <Table columns={['Tenant', 'Access', 'Reason', 'Last results', ...(showsAudit ? ['Audit'] : [])]}>
      {tenants.map((tenant) => (
        <Row key={tenant.tenantId} tenant={tenant} showsAudit={showsAudit} />
      ))}
    </Table>
  );
}

function Row({ tenant, showsAudit }: { readonly tenant: Tenant; readonly showsAudit: boolean }) {
  const { tenantId, name, defaultDomain, reachable, explanation, relationship, relationshipEndsAt } = tenant;
  return (
    <tr>
      <th scope="row">
        {name}
        <span class="quiet below">{defaultDomain ?? tenantId}</span>
      </th>
      <td>
        <Badge state={reachable ? 'ok' : 'down'}>{reachable ? 'reachable' : 'unreachable'}</Badge>
      </td>
      <td>
        <Sentence text={explanation} />
        {relationshipEndsAt === undefined ? null : (
          <span class="quiet below">
            {relationship.toUpperCase()} until <Time iso={relationshipEndsAt} />
          </span>
        )}
      </td>
      <td>
        <ul class="results">
          {tenant.lastResults.map((result) => (
            <Result key={result.job} result={result} />
          ))}
        </ul>
      </td>
      {showsAudit ? (
        <td>
          <a href={auditLink({ tenant: tenantId })}>
            Records<span class="visually-hidden"> of {name}</span>
          </a>
        </td>
      ) : null}
    </tr>
  );
}

function Result({ result }: { readonly result: LastResult }) {
  const { job, runId, outcome, code } = result;
  return (
    <li>
      <a href={runLink(runId)}>{job}</a> <OutcomeBadge outcome={outcome} code={code} />
    </li>
  );
}
