/** How a surface shows an outcome. `active`: still changing. `idle`: nothing happened, and nothing is wrong. */
type Tone = 'good' | 'warn' | 'bad' | 'active' | 'idle';

/** How every surface shows an outcome, beside its word. */
export interface OutcomeStyle {
  readonly tone: Tone;
  /** One character. It repeats the word for people who cannot tell the colours apart. */
  readonly icon: string;
  /** Exit code of `ptb` for a run with this outcome. */
  readonly exitCode: 0 | 1 | 3;
}

/** All outcomes of runs and of tenants in runs. API, command line, dashboard and notices read this table. */
export const outcomeTable = {
  starting: { tone: 'active', icon: '…', exitCode: 0 },
  running: { tone: 'active', icon: '▶', exitCode: 0 },
  succeeded: { tone: 'good', icon: '✓', exitCode: 0 },
  partly_failed: { tone: 'warn', icon: '!', exitCode: 3 },
  failed_everywhere: { tone: 'bad', icon: '✗', exitCode: 1 },
  stopped: { tone: 'bad', icon: '■', exitCode: 1 },
  cancelled: { tone: 'warn', icon: '⊘', exitCode: 1 },
  failed: { tone: 'bad', icon: '✗', exitCode: 3 },
  retrying: { tone: 'warn', icon: '↻', exitCode: 0 },
  waiting: { tone: 'idle', icon: '·', exitCode: 0 },
  skipped: { tone: 'idle', icon: '–', exitCode: 0 },
  not_attempted: { tone: 'warn', icon: '○', exitCode: 3 },
} as const satisfies Readonly<Record<string, OutcomeStyle>>;

export type Outcome = keyof typeof outcomeTable;

/** Outcomes of a run as a whole. */
export const runOutcomes = [
  'starting',
  'running',
  'succeeded',
  'partly_failed',
  'failed_everywhere',
  'stopped',
  'cancelled',
  'skipped',
] as const satisfies readonly Outcome[];
export type RunOutcome = (typeof runOutcomes)[number];

/** Outcomes of one tenant in a run. */
export const tenantStates = [
  'succeeded',
  'failed',
  'skipped',
  'retrying',
  'waiting',
  'not_attempted',
] as const satisfies readonly Outcome[];
export type TenantState = (typeof tenantStates)[number];

/** Style of an outcome of a newer broker. It never looks like a success. */
const unknownStyle: OutcomeStyle = { tone: 'warn', icon: '?', exitCode: 1 };

export function outcomeStyle(outcome: string): OutcomeStyle {
  const known: Readonly<Record<string, OutcomeStyle>> = outcomeTable;
  return (Object.hasOwn(known, outcome) ? known[outcome] : undefined) ?? unknownStyle;
}

/** The outcome for people, within a sentence: `partly failed`. The PowerShell module does the same. */
export const outcomeWord = (outcome: string): string => outcome.replaceAll('_', ' ');

/** What the outcome of a run depends on. */
export interface JudgedRun {
  readonly status: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';
  readonly tenants: {
    readonly total: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly notAttempted: number;
  };
}

/**
 * The outcome of a run. A run is starting until the number of its tenants is known. It is skipped if no tenant failed and
 * none succeeded: each was excluded or lacks the service that the job examines.
 */
export function runOutcome({ status, tenants }: JudgedRun): RunOutcome {
  const { total, succeeded, failed, notAttempted } = tenants;
  if (status === 'pending' || (status === 'running' && total === 0)) return 'starting';
  if (status === 'running') return 'running';
  if (status === 'failed') return 'stopped';
  if (status === 'cancelled') return 'cancelled';
  if (failed + notAttempted > 0) return succeeded === 0 ? 'failed_everywhere' : 'partly_failed';
  return succeeded === 0 ? 'skipped' : 'succeeded';
}
