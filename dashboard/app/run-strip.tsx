import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeStyle, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { countsText } from './counts.tsx';
import { localTime } from './format.ts';
import { runLink } from './route.ts';

const parts = ['failed', 'notAttempted', 'skipped', 'succeeded'] as const;
/** Outcomes that the column itself tells. The others have their icon below it. */
const told = ['succeeded', 'partly_failed', 'failed_everywhere'];
/** Height of a column in units of its drawing. */
const height = 28;

/**
 * The recent runs of a job, the oldest first: one column a run, filled by the outcomes of its tenants. The sentence says
 * the same to people who do not see the columns. The links in them are for the mouse: the list of runs has the same.
 */
export function RunStrip({ runs }: { readonly runs: readonly RunSummaryAnswer[] }) {
  return (
    <>
      <span class="strip" aria-hidden="true">
        {runs.toReversed().map((run) => (
          <a
            key={run.runId}
            href={runLink(run.runId)}
            tabIndex={-1}
            title={runText(run)}
            class={outcomeStyle(run.outcome).tone}
          >
            <Column run={run} />
          </a>
        ))}
      </span>
      <span class="visually-hidden">{stripText(runs)}</span>
    </>
  );
}

function Column({ run: { tenants, outcome } }: { readonly run: RunSummaryAnswer }) {
  const { icon } = outcomeStyle(outcome);
  let top = 0;
  return (
    <>
      <svg viewBox={`0 0 10 ${height}`} preserveAspectRatio="none">
        <rect class="rest" width={10} height={height} />
        {parts.map((part) => {
          const size = tenants.total === 0 ? 0 : (tenants[part] / tenants.total) * height;
          // One failure among thousands still shows.
          const shown = part === 'succeeded' ? height - top : tenants[part] > 0 ? Math.max(2, size) : 0;
          const rect = size === 0 ? null : <rect key={part} class={part} y={top} width={10} height={shown} />;
          if (size > 0) top += shown;
          return rect;
        })}
      </svg>
      <span>{told.includes(outcome) ? '' : icon}</span>
    </>
  );
}

const runText = ({ startedAt, outcome, tenants }: RunSummaryAnswer): string =>
  `${localTime(startedAt)}: ${outcomeWord(outcome)}, ${countsText(tenants)}`;

/** `Last 14 runs: 11 succeeded, 2 partly failed, 1 stopped.` */
export function stripText(runs: readonly RunSummaryAnswer[]): string {
  if (runs.length === 0) return 'No runs yet.';
  const counts = [...Map.groupBy(runs, ({ outcome }) => outcome)].toSorted(([, a], [, b]) => b.length - a.length);
  const words = counts.map(([outcome, some]) => `${some.length} ${outcomeWord(outcome)}`);
  return `Last ${runs.length === 1 ? 'run' : `${runs.length} runs`}: ${words.join(', ')}.`;
}
