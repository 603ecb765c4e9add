import type { RunAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { requestedText } from '../../src/lib/core/text.ts';
import { parametersText } from '../../src/lib/core/parameters.ts';
import { isApplyWindow, isEnded } from '../../src/lib/runs/store/run.ts';
import { Notice, Problem, Sentence } from '../shared/text.tsx';
import { CountsBar, countsText } from './charts.tsx';
import { CopyButton } from './copy.tsx';
import { count, duration, localDay } from './format.ts';
import { Clock, Time } from './pieces.tsx';
import { RunOutcome, StartedBy } from './run-table.tsx';

/** How many tenants answered. */
export function headlineOf(run: RunAnswer): string {
  const { outcome, progress, tenants } = run;
  const { total, succeeded, failed, skipped } = tenants;
  const figure = (n: number): string => n.toLocaleString('en');
  if (outcome === 'starting') return 'The tenants are being listed';
  if (!isEnded(run.status))
    return `${figure(progress.done)} of ${count(total, 'tenant')} done${failed > 0 ? `, ${figure(failed)} failed` : ''}`;
  const others = [
    failed > 0 ? `${figure(failed)} failed` : [],
    tenants.notAttempted > 0 ? `${figure(tenants.notAttempted)} not attempted` : [],
    skipped > 0 ? `${figure(skipped)} skipped` : [],
  ].flat();
  const answered = `${figure(succeeded)} of ${count(total, 'tenant')} answered`;
  if (total === 0) return `No tenant was visited: ${outcomeWord(outcome)}`;
  return [answered, ...others].join(', ');
}

/** What ran, when, for how long, and who started it. */
export function RunFacts({ run }: { readonly run: RunAnswer }) {
  const { query, parameters, asked } = run;
  return (
    <>
      {/* The title says how many failed. */}
      {run.outcome === 'partly_failed' ? null : <RunOutcome run={run} isSaid />}
      <span>
        started{' '}
        <b>
          <Time iso={run.startedAt} short />
        </b>
        , by{' '}
        <b>
          <StartedBy run={run} />
        </b>
      </span>
      {run.finishedAt === undefined && isApplyWindow(run.window) ? null : (
        <span>
          {run.finishedAt === undefined ? (
            'running for'
          ) : (
            <>
              ended{' '}
              <b>
                {localDay(run.finishedAt) === localDay(run.startedAt) ? (
                  <Clock iso={run.finishedAt} />
                ) : (
                  <Time iso={run.finishedAt} short />
                )}
              </b>
              , took
            </>
          )}{' '}
          <b>{duration(run.durationMs)}</b>
        </span>
      )}
      {asked === undefined ? null : <span>Tenants: {requestedText(asked)}</span>}
      {query !== undefined ? (
        <span>
          <code>GET {query}</code>
          {parameters?.['allPages'] === true ? ', all pages' : ''}
        </span>
      ) : parameters === undefined ? null : (
        <span>Parameters: {parametersText(parameters)}</span>
      )}
      <CopyButton text={run.runId} what="run id" isAlone />
    </>
  );
}

/** Why a run ended early, how far it is, and what its list of tenants lacks. */
export function RunSummary({ run }: { readonly run: RunAnswer }) {
  const { stoppedBy, progress } = run;
  // When a wave is released, nobody knows.
  const leftMs = isApplyWindow(run.window) ? undefined : timeLeftMs(run);
  return (
    <>
      {stoppedBy === undefined ? null : (
        <Problem kind="bad" title={`${stoppedBy.title}.`} message={stoppedBy.detail} advice={stoppedBy.advice} />
      )}
      {run.cancelRequested === true && run.finishedAt === undefined ? (
        <Notice kind="warn">Cancelled. No further tenants will start.</Notice>
      ) : null}
      <Warnings warnings={run.warnings} />
      {isEnded(run.status) || run.outcome === 'starting' ? null : (
        <Notice kind="you">
          <CountsBar counts={run.tenants} />
          <p>
            {countsText(run.tenants)}
            {progress.retrying === 0 ? '' : `, ${progress.retrying} retrying`}
            {leftMs === undefined ? null : <strong>, {timeLeftText(leftMs)}</strong>}
          </p>
        </Notice>
      )}
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

type Progress = Pick<RunAnswer, 'outcome' | 'progress' | 'durationMs' | 'cancelRequested'>;

/** An estimate needs this many tenants, or a twentieth of them. */
const enoughTenants = 20;
const enoughPart = 20;

/**
 * The time until all tenants are visited, from the pace so far. Undefined if nobody can know: before the tenants are
 * listed, before enough of them are done, while only retries are awaited, and for a run that ends early.
 */
export function timeLeftMs({ outcome, progress, durationMs, cancelRequested }: Progress): number | undefined {
  const { done, retrying, total } = progress;
  const open = total - done;
  if (outcome !== 'running' || cancelRequested === true || open <= retrying) return undefined;
  if (done < Math.max(1, Math.min(enoughTenants, Math.ceil(total / enoughPart)))) return undefined;
  return (durationMs / done) * open;
}

const minuteMs = 60_000;

/** `about 5 min left`, rounded up: an estimate is not exact to the second. */
export function timeLeftText(ms: number): string {
  const minutes = Math.ceil(ms / minuteMs);
  if (minutes <= 1) return 'less than a minute left';
  if (minutes < 60) return `about ${minutes} min left`;
  return `about ${Math.floor(minutes / 60)} h ${minutes % 60} min left`;
}
