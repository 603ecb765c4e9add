import type { TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { StackedBar } from './charts.tsx';
import { useSignedIn } from './context.ts';
import { localDay } from './format.ts';
import { Panel } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { runLink } from './route.ts';
import { shownValue } from './result-columns.ts';

const job = 'licence-report';

/** The licences of a customer by product, as the last report found them. Nothing without a report. */
export function TenantLicences({ tenant: { tenantId, lastResults = [] } }: { readonly tenant: TenantDetailsAnswer }) {
  const { api } = useSignedIn();
  const last = lastResults.find((result) => result.job === job && result.outcome === 'succeeded');
  const load = async () => (last === undefined ? [] : (await api.rowsOfTenant(last.runId, tenantId)).rows);
  const rows = usePolling(load, `licences ${tenantId} ${last?.runId}`, undefined).value ?? [];
  if (last === undefined || rows.length === 0) return null;
  const more = (
    <a href={runLink(last.runId, 'rows')} class="small">
      {localDay(last.finishedAt)}
    </a>
  );
  return (
    <Panel title="Licences" more={more} bare>
      <ul class="list licences">
        {rows.map((row, index) => {
          const [product, assigned, licences] = [
            shownValue(row['product'] ?? null, 'text'),
            Number(row['assigned']),
            Number(row['licences']),
          ];
          const words = `${assigned.toLocaleString('en')} of ${licences.toLocaleString('en')}`;
          return (
            <li key={index}>
              <div>
                <div class="cut" title={product}>
                  {product}
                </div>
                <StackedBar
                  parts={[[assigned > licences ? 'bad' : 'succeeded', Math.min(assigned, licences)]]}
                  total={licences}
                  label={`${words} assigned`}
                />
              </div>
              <span class={assigned > licences ? 'problem' : 'quiet'}>{words}</span>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
