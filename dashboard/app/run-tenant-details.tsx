import type { RunTenant, RunTenantsAnswer } from '../../src/lib/api/answers/runs.ts';
import { adviceForTenant, isErrorCode } from '../../src/lib/core/errors.ts';
import { Paragraphs, Sentence } from '../shared/text.tsx';
import { auditLink } from './view-filter.ts';
import { useRole } from './context.ts';
import { StepFor } from './copy.tsx';
import { Dialog } from './dialog.tsx';
import { count, duration } from './format.ts';
import { Fact, OutcomeBadge, Time } from './pieces.tsx';
import { tenantLink } from './route.ts';
import { tookMs } from './run-tenant-list.ts';
import { TenantTrace } from './tenant-trace.tsx';

/** One tenant of a run: what came of it, what to do, where it leads, and what the job logged and threw. */
export function RunTenantDetails(props: {
  readonly run: { readonly runId: string; readonly job: string };
  readonly tenant: RunTenant;
  readonly codes: RunTenantsAnswer['codes'];
  readonly onClose: () => void;
}) {
  const { run, tenant, codes, onClose } = props;
  const { name, tenantId, outcome, code, detail, attempts, rows, finishedAt = '' } = tenant;
  const text = codes.find((known) => known.code === code);
  const advice = text && (isErrorCode(code) ? adviceForTenant(code, tenantId) : text.advice);
  const took = tookMs(tenant);
  return (
    <Dialog
      title={name}
      about={<OutcomeBadge outcome={outcome} code={code} />}
      kind="drawer"
      onClose={onClose}
      actions={<Links tenantId={tenantId} />}
    >
      {text === undefined && detail === undefined ? null : (
        <p>
          {text === undefined ? null : <strong>{text.title}. </strong>}
          {detail === undefined ? null : <Sentence text={detail} />}
        </p>
      )}
      <Paragraphs text={advice} />
      <StepFor cause={code && { cause: code, tenants: [{ tenant, results: [run] }] }} />
      <dl>
        <Fact name="Attempts">{attempts === 0 ? 'none' : String(attempts)}</Fact>
        <Fact name="Last attempt">
          {took === undefined ? undefined : (
            <>
              until <Time iso={finishedAt} exact />, {duration(took)}
            </>
          )}
        </Fact>
        <Fact name="Rows">{count(rows, 'row')}</Fact>
      </dl>
      <h3>For support</h3>
      <dl>
        <Fact name="Code">{code && <code>{code}</code>}</Fact>
        <Fact name="Tenant id">
          <code>{tenantId}</code>
        </Fact>
        <Fact name="Run">
          <code>{run.runId}</code>
        </Fact>
      </dl>
      {attempts === 0 ? null : <TenantTrace runId={run.runId} tenantId={tenantId} version={finishedAt} />}
    </Dialog>
  );
}

function Links({ tenantId }: { readonly tenantId: string }) {
  const [readsTenants, readsAudit] = [useRole('Tenants.Read'), useRole('Audit.Read')];
  return (
    <>
      {readsTenants ? (
        <a class="btn" href={tenantLink(tenantId)}>
          Open the tenant
        </a>
      ) : null}
      {readsAudit ? (
        <a class="btn" href={auditLink({ tenant: tenantId })}>
          Its audit records
        </a>
      ) : null}
    </>
  );
}
