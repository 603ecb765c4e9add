// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from 'vitest';
import { RunTable } from '../../../dashboard/app/run-table.tsx';
import { OutcomeBadge } from '../../../dashboard/app/pieces.tsx';
import { runLines } from '../../../src/cli/commands/run.ts';
import { plainLine, shownLine } from '../../../src/cli/line.ts';
import { exitByRun } from '../../../src/cli/remote/follow-run.ts';
import { line } from '../../../src/cli/remote/progress.ts';
import type { CommandOutcome } from '../../../src/cli/run-program.ts';
import { type RunAnswer, runSchema } from '../../../src/lib/api/answers/runs.ts';
import { outcomeStyle, outcomeTable, outcomeWord, runOutcomes } from '../../../src/lib/core/outcomes.ts';
import { rendered } from './rendered.ts';
import { signedIn } from './signed-in.tsx';

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

/** Escape sequences of the colours that a terminal shows for a tone. */
const colours = { good: 32, warn: 33, bad: 31, active: 36, idle: 2 } as const;

/** The exit code of `ptb run --wait` after a run with this outcome. */
function exitCodeOf(outcome: RunAnswer['outcome']): number {
  try {
    exitByRun({ outcome });
    return 0;
  } catch (thrown) {
    return (thrown as CommandOutcome).exitCode;
  }
}

afterEach(() => vi.unstubAllEnvs());

it.each(runOutcomes)('the outcome %s has the colour and the exit code of its table in the command line', (outcome) => {
  vi.stubEnv('FORCE_COLOR', '1');
  const { tone, exitCode } = outcomeStyle(outcome);
  const shown = shownLine(runLines(runWith(outcome))[0] ?? '', process.stdout);
  expect(shown).toContain(`\u001b[${colours[tone]}m${outcomeWord(outcome)}\u001b[`);
  expect(exitCodeOf(outcome)).toBe(exitCode);
});

it.each(runOutcomes)('the outcome %s reads the same in API, command line and dashboard', async (outcome) => {
  const run = runWith(outcome);
  const word = outcomeWord(outcome);
  expect(line(run, 200)).toContain(`${word}, 5.0 s`);
  expect(plainLine(runLines(run)[0] ?? '')).toContain(`: ${word}, started`);
  const { root, unmount } = await rendered(signedIn({}, <RunTable runs={[run]} />, ['Runs.Read']));
  const badge = root.querySelector('td .badge');
  // A number of failures says more than that there were some.
  if (outcome === 'partly_failed') {
    expect([badge?.textContent, badge?.classList.contains('bad')]).toEqual(['2 failed', true]);
    expect(badge?.getAttribute('title')).toContain(`${word}: `);
    return unmount();
  }
  // Beside it, in how many tenants it failed.
  expect(badge?.querySelector('.cut')?.firstChild?.textContent).toBe(word);
  // A sign repeats the word.
  expect(badge?.querySelector('svg')).not.toBeNull();
  expect(badge?.classList.contains(outcomeStyle(outcome).tone)).toBe(true);
  await unmount();
});

it.each(Object.keys(outcomeTable))('the badge of %s is green only for a success', async (outcome) => {
  const { root, unmount } = await rendered(<OutcomeBadge outcome={outcome} />);
  expect(root.querySelector('.badge')?.classList.contains('good')).toBe(outcome === 'succeeded');
  await unmount();
});

it('shows an outcome of a newer broker as a warning, and a failed tenant by the title of its code', async () => {
  const { root, rerender, unmount } = await rendered(<OutcomeBadge outcome="partly_improved" />);
  expect([root.querySelector('.badge')?.className, root.textContent]).toEqual(['badge warn', 'partly improved']);
  await rerender(<OutcomeBadge outcome="failed" code="consent_required" />);
  expect(root.textContent).toBe('No consent for the application');
  await unmount();
});
