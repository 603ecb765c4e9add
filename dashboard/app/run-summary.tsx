import type { RunAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { requestedText } from '../../src/lib/core/text.ts';
import { parametersText } from '../../src/lib/core/parameters.ts';
import { isEnded } from '../../src/lib/runs/store/run.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import { CountsBar, countsText } from './counts.tsx';
import { count, duration, relative } from './format.ts';
import { Time } from './pieces.tsx';
import { timeLeftMs, timeLeftText } from './run-progress.ts';
import { StartedBy } from './run-table.tsx';

/** Why a run ended early, what its list of tenants lacks, how far it is, and who started it. */
export function RunSummary({ run }: { readonly run: RunAnswer }) {
  const { stoppedBy } = run;
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
          <Counts run={run} />
        )}
        <p class="quiet">
          Started <Time iso={run.startedAt} exact />, {relative(run.startedAt, Date.now())}, by <StartedBy run={run} />.{' '}
          {run.finishedAt === undefined ? 'Running for' : 'Took'} {duration(run.durationMs)}.
        </p>
        {run.asked === undefined ? null : <p class="quiet">Tenants: {requestedText(run.asked)}</p>}
        <Request run={run} />
      </div>
    </>
  );
}

/** What a query sends, or what a job was given. */
function Request({ run: { query, parameters } }: { readonly run: RunAnswer }) {
  if (query !== undefined)
    return (
      <p>
        <code class="sent">GET {query}</code>
        {parameters?.['allPages'] === true ? ', all pages' : ''}
      </p>
    );
  return parameters === undefined ? null : <p class="quiet">Parameters: {parametersText(parameters)}</p>;
}

function Counts({ run }: { readonly run: RunAnswer }) {
  const { progress, tenants } = run;
  const leftMs = timeLeftMs(run);
  return (
    <>
      <CountsBar counts={tenants} />
      <p>
        {countsText(tenants)}
        {progress.retrying === 0 ? '' : `, ${progress.retrying} retrying`}
        {leftMs === undefined ? null : <strong class="left">{timeLeftText(leftMs)}</strong>}
      </p>
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

/** The state of a run in one sentence, for screen readers. */
export function progressText(run: RunAnswer): string {
  const { done, total } = run.progress;
  const word = outcomeWord(run.outcome);
  if (isEnded(run.status)) return `${run.job} ${word}: ${countsText(run.tenants)}`;
  if (run.outcome === 'starting') return `${run.job} ${word}`;
  return `${run.job}: ${done} of ${count(total, 'tenant')} done, ${run.tenants.failed} failed`;
}
