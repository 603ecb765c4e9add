import type { RunTenant, RunTenantsAnswer } from '../../src/lib/api/answers/runs.ts';
import { adviceForTenant, isErrorCode } from '../../src/lib/core/errors.ts';
import { Sentence } from '../shared/text.tsx';
import { Drawer } from './drawer.tsx';
import { count, duration } from './format.ts';
import { Fact, OutcomeBadge, Time } from './pieces.tsx';
import { tookMs } from './run-tenant-list.ts';
import { TenantTrace } from './tenant-trace.tsx';

/** One tenant of a run: what came of it, what to do, and what the job logged and threw. */
export function RunTenantDetails(props: {
  readonly runId: string;
  readonly tenant: RunTenant;
  readonly codes: RunTenantsAnswer['codes'];
  readonly onClose: () => void;
}) {
  const { runId, tenant, codes, onClose } = props;
  const { name, tenantId, outcome, code, detail, attempts, rows, finishedAt = '' } = tenant;
  const text = codes.find((known) => known.code === code);
  const took = tookMs(tenant);
  return (
    <Drawer title={name} onClose={onClose}>
      <p>
        <OutcomeBadge outcome={outcome} code={code} />
      </p>
      {text === undefined && detail !== undefined ? (
        <p>
          <Sentence text={detail} />
        </p>
      ) : null}
      {text === undefined ? null : (
        <p>
          <strong>{text.title}.</strong> {detail === undefined ? null : <Sentence text={detail} />}
        </p>
      )}
      {text === undefined ? null : (
        <p>
          <Sentence text={isErrorCode(code) ? adviceForTenant(code, tenantId) : text.advice} />
        </p>
      )}
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
        <Fact name="Tenant id">
          <code>{tenantId}</code>
        </Fact>
      </dl>
      {attempts === 0 ? null : <TenantTrace runId={runId} tenantId={tenantId} version={finishedAt} />}
    </Drawer>
  );
}
