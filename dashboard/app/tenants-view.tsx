import { auditLink } from './audit-filter.ts';
import { useDeferredList } from './deferred-list.ts';
import { useMemo, useState } from 'preact/hooks';
import type { LastResult, TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import { useRole, useSignedIn } from './context.ts';
import { count, outcomeWords } from './format.ts';
import { Badge, Failure, Loading, RoleNeeded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { runLink } from './route.ts';
import { Choice } from './runs-view.tsx';

const everyMs = 60_000;

type Tenant = TenantsAnswer['tenants'][number];

const filters: Readonly<Record<string, (tenant: Tenant) => boolean>> = {
  reachable: ({ reachable }) => reachable,
  'out of reach': ({ reachable }) => !reachable,
  'failed last time': ({ lastResults }) => lastResults.some(({ outcome }) => outcome === 'failed'),
};

export function TenantsView() {
  return useRole('Tenants.Read') ? <TenantList /> : <RoleNeeded title="Tenants" role="Tenants.Read" />;
}

function TenantList() {
  const { api } = useSignedIn();
  const { value, failure } = usePolling(api.tenants, 'tenants', everyMs);
  const [text, setText] = useState('');
  const [filter, setFilter] = useState('');
  const found = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    return (value?.tenants ?? [])
      .filter(filters[filter] ?? (() => true))
      .filter(({ name, defaultDomain = '', tenantId }) =>
        `${name} ${defaultDomain} ${tenantId}`.toLowerCase().includes(wanted),
      );
  }, [value, text, filter]);
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
        {value === undefined ? null : (
          <span class="quiet">
            as of <Time iso={value.asOf} />
          </span>
        )}
      </div>
      <Failure failure={failure} />
      {value?.warnings.map((warning) => (
        <Notice kind="warn" key={warning}>
          <Sentence text={warning} />
        </Notice>
      ))}
      {value === undefined ? failure === undefined ? <Loading /> : null : <TenantTable tenants={shown} />}
      {more === undefined ? null : (
        <button type="button" onClick={more}>
          Show more
        </button>
      )}
    </>
  );
}

function TenantTable({ tenants }: { readonly tenants: readonly Tenant[] }) {
  const reads = useRole('Audit.Read');
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Tenant</th>
            <th scope="col">Access</th>
            <th scope="col">Why</th>
            <th scope="col">Last results</th>
            {reads ? <th scope="col">Audit</th> : null}
          </tr>
        </thead>
        <tbody>
          {tenants.map((tenant) => (
            <tr key={tenant.tenantId}>
              <th scope="row">
                {tenant.name}
                <span class="quiet below">{tenant.defaultDomain ?? tenant.tenantId}</span>
              </th>
              <td>
                <Badge state={tenant.reachable ? 'ok' : 'failed'}>
                  {tenant.reachable ? 'reachable' : 'out of reach'}
                </Badge>
              </td>
              <td>
                <Sentence text={tenant.explanation} />
                {tenant.relationshipEndsAt === undefined ? null : (
                  <span class="quiet below">
                    {tenant.relationship.toUpperCase()} until <Time iso={tenant.relationshipEndsAt} />
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
              {reads ? (
                <td>
                  <a href={auditLink({ tenant: tenant.tenantId })}>
                    Records<span class="visually-hidden"> of {tenant.name}</span>
                  </a>
                </td>
              ) : null}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Result({ result }: { readonly result: LastResult }) {
  const { job, runId, outcome, code } = result;
  return (
    <li>
      <a href={runLink(runId)}>{job}</a>{' '}
      <Badge state={outcome}>{outcome === 'failed' ? (code ?? 'failed') : outcomeWords[outcome]}</Badge>
    </li>
  );
}
