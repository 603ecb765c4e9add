import { useState } from 'preact/hooks';
import type { RunTenant, RunTenantsAnswer } from '../../src/lib/api/answers/runs.ts';
import { adviceForTenant, isErrorCode } from '../../src/lib/core/errors.ts';
import { Sentence } from '../shared/text.tsx';
import { count } from './format.ts';

/** Failures grouped by code, the most frequent first, each with the advice for its code. */
export function ErrorGroups(props: {
  readonly tenants: readonly RunTenant[];
  readonly codes: RunTenantsAnswer['codes'];
}) {
  const failed = props.tenants.filter(({ outcome }) => outcome === 'failed' || outcome === 'retrying');
  const groups = [...Map.groupBy(failed, ({ code }) => code)].toSorted(([, a], [, b]) => b.length - a.length);
  if (groups.length === 0) return null;
  return (
    <section class="what-went-wrong" aria-label="What went wrong">
      <h3>What went wrong</h3>
      <ul class="errors">
        {groups.map(([code, tenants]) => (
          <Group key={code} text={props.codes.find((text) => text.code === code)} tenants={tenants} />
        ))}
      </ul>
    </section>
  );
}

/** The advice, with the id of the tenant in its commands if there is only one. */
function adviceOn({ code, advice }: RunTenantsAnswer['codes'][number], tenants: readonly RunTenant[]): string {
  const [tenant] = tenants;
  return tenants.length === 1 && tenant !== undefined && isErrorCode(code)
    ? adviceForTenant(code, tenant.tenantId)
    : advice;
}

/** Tenants per group before the user expands it. */
const collapsedCount = 6;

function Group({
  text,
  tenants,
}: {
  readonly text: RunTenantsAnswer['codes'][number] | undefined;
  readonly tenants: readonly RunTenant[];
}) {
  const [all, setAll] = useState(false);
  const shown = all ? tenants : tenants.slice(0, collapsedCount);
  return (
    <li>
      <h4>
        {text?.title ?? 'Failed'} <code>{text?.code ?? 'unknown'}</code>{' '}
        <span class="quiet">{count(tenants.length, 'tenant')}</span>
      </h4>
      {text === undefined ? null : (
        <p>
          <Sentence text={adviceOn(text, tenants)} />
        </p>
      )}
      <ul class="failed">
        {shown.map(({ tenantId, name, detail }) => (
          <li key={tenantId}>
            <strong>{name}</strong> {detail === undefined ? null : <Sentence text={detail} />}
          </li>
        ))}
      </ul>
      {tenants.length > collapsedCount ? (
        <button type="button" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${tenants.length}`}
        </button>
      ) : null}
    </li>
  );
}
