import { useState } from 'preact/hooks';
import type { RunAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/model/outcomes.ts';
import { isEnded } from '../../src/lib/runs/run.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import { useAnnounce, useProgressAnnouncement } from './announcer.tsx';
import type { ApiFailure } from './api-failure.ts';
import { useRole, useSignedIn } from './context.ts';
import { CountsBar, countsText } from './counts.tsx';
import { ErrorGroups } from './error-groups.tsx';
import { count, duration } from './format.ts';
import { Failure, Loading, OutcomeBadge, RoleNeeded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { RunActions } from './run-actions.tsx';
import { RunChanges } from './run-changes.tsx';
import { TenantGrid } from './tenant-grid.tsx';

const intervalMs = 2_000;

export function RunView({ runId }: { readonly runId: string }) {
  return useRole('Runs.Read') ? <OneRun runId={runId} /> : <RoleNeeded title="Run" role="Runs.Read" />;
}

function OneRun({ runId }: { readonly runId: string }) {
  const { api } = useSignedIn();
  const [ended, setEnded] = useState(false);
  const load = async () => {
    const [run, tenants] = await Promise.all([api.run(runId), api.runTenants(runId)]);
    // Poll until both answers say so: the tenants may be older than the run.
    setEnded(isEnded(run.status) && isEnded(tenants.status));
    return { run, tenants };
  };
  const { value, failure, reload } = usePolling(load, runId, ended ? undefined : intervalMs);
  const announce = useAnnounce();
  const [actionFailure, setActionFailure] = useState<ApiFailure>();
  useProgressAnnouncement(value === undefined ? '' : progressText(value.run), ended);
  const cancel = async (): Promise<void> => {
    await api.cancel(runId);
    announce('The run will stop before the next tenant.');
    reload();
  };
  if (value === undefined) return failure === undefined ? <Loading /> : <Failure failure={failure} />;
  const { run, tenants } = value;
  return (
    <article class="run">
      <p>
        <a href="#/runs">Runs</a> / <code>{runId}</code>
      </p>
      <div class="title-row">
        <h2>
          {run.job} <OutcomeBadge outcome={run.outcome} />
        </h2>
        <RunActions run={run} tenants={tenants.tenants} onCancel={cancel} onFailure={setActionFailure} />
      </div>
      <Failure failure={failure ?? actionFailure} />
      <Summary run={run} />
      <div class={tenants.codes.length === 0 ? 'run-body' : 'run-body with-errors'}>
        <TenantGrid runId={runId} status={tenants.status} tenants={tenants.tenants} codes={tenants.codes} />
        <ErrorGroups tenants={tenants.tenants} codes={tenants.codes} />
      </div>
      {run.status === 'completed' ? <RunChanges runId={runId} /> : null}
    </article>
  );
}

function Summary({ run }: { readonly run: RunAnswer }) {
  const { stoppedBy, progress } = run;
  return (
    <>
      {stoppedBy === undefined ? null : (
        <Notice kind="bad">
          <strong>{stoppedBy.title}.</strong> <Sentence text={stoppedBy.detail} />
          <p>
            <Sentence text={stoppedBy.advice} />
          </p>
        </Notice>
      )}
      {run.cancelRequested === true && run.finishedAt === undefined ? (
        <Notice kind="warn">Cancelled. No further tenants will start.</Notice>
      ) : null}
      <Warnings warnings={run.warnings} />
      <div class="progress">
        {run.outcome === 'starting' ? (
          <p>The tenants are being listed. Their number is not known yet.</p>
        ) : (
          <>
            <CountsBar counts={run.tenants} />
            <p>
              {countsText(run.tenants)}
              {progress.retrying === 0 ? '' : `, ${progress.retrying} retrying`}
            </p>
          </>
        )}
        <p class="quiet">
          Started <Time iso={run.startedAt} /> by {run.startedBy};{' '}
          {run.finishedAt === undefined ? 'running for' : 'took'} {duration(run.durationMs)}
        </p>
      </div>
    </>
  );
}

/** Shown above the tenants, because the warnings may mean that some tenants are missing. */
function Warnings({ warnings }: { readonly warnings: readonly string[] }) {
  if (warnings.length === 0) return null;
  return (
    <Notice kind="warn">
      <strong>{count(warnings.length, 'warning')} about the tenant list of this run.</strong>
      <ul>
        {warnings.map((warning) => (
          <li key={warning}>
            <Sentence text={warning} />
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function progressText(run: RunAnswer): string {
  const { done, total } = run.progress;
  const word = outcomeWord(run.outcome);
  if (isEnded(run.status)) return `${run.job} ${word}: ${countsText(run.tenants)}`;
  if (run.outcome === 'starting') return `${run.job} ${word}`;
  return `${run.job}: ${done} of ${count(total, 'tenant')} done, ${run.tenants.failed} failed`;
}
