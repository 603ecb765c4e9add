// @vitest-environment happy-dom
import { expect, it } from 'vitest';
import { RunTable } from '../../../dashboard/app/run-table.tsx';
import { OutcomeBadge } from '../../../dashboard/app/pieces.tsx';
import { runLines } from '../../../src/cli/commands/run.ts';
import { plainLine } from '../../../src/cli/line.ts';
import { line } from '../../../src/cli/remote/progress.ts';
import { type RunAnswer, runSchema } from '../../../src/lib/api/answers/runs.ts';
import { outcomeStyle, outcomeTable, outcomeWord, runOutcomes } from '../../../src/lib/model/outcomes.ts';
import { rendered } from './rendered.ts';

const runWith = (outcome: RunAnswer['outcome']): RunAnswer =>
  runSchema.parse({
    runId: 'probe@w',
    job: 'probe',
    window: 'w',
    status: 'completed',
    outcome,
    tenants: { total: 2, succeeded: 0, failed: 2, skipped: 0, notAttempted: 0 },
    startedBy: 'timer',
    startedAt: '2026-11-24T01:00:00.000Z',
    finishedAt: '2026-11-24T01:00:05.000Z',
    durationMs: 5_000,
    warnings: [],
    progress: { done: 2, retrying: 0, total: 2 },
    failures: [],
  });

it.each(runOutcomes)('the outcome %s reads the same in API, command line and dashboard', async (outcome) => {
  const run = runWith(outcome);
  const word = outcomeWord(outcome);
  expect(line(run, 200)).toContain(`${word}, 5.0 s`);
  expect(plainLine(runLines(run)[0] ?? '')).toContain(`: ${word}, started`);
  const { root, unmount } = await rendered(<RunTable days={[{ title: 'Today', runs: [run] }]} />);
  const badge = root.querySelector('td .badge');
  expect(badge?.textContent).toBe(`${outcomeStyle(outcome).icon} ${word}`);
  expect(badge?.classList.contains(outcomeStyle(outcome).tone)).toBe(true);
  await unmount();
});

it.each(Object.keys(outcomeTable))('the badge of %s is green only for a success', async (outcome) => {
  const { root, unmount } = await rendered(<OutcomeBadge outcome={outcome} />);
  expect(root.querySelector('.badge')?.classList.contains('good')).toBe(outcome === 'succeeded');
  await unmount();
});

it('shows an outcome of a newer broker as a warning, and a failed tenant by its code', async () => {
  const { root, rerender, unmount } = await rendered(<OutcomeBadge outcome="partly_improved" />);
  expect(root.innerHTML).toBe('<span class="badge warn"><span aria-hidden="true">?</span> partly improved</span>');
  await rerender(<OutcomeBadge outcome="failed" code="consent_required" />);
  expect(root.textContent).toBe('✗ consent_required');
  await unmount();
});
