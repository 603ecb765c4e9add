import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { runOutcomes } from '../../src/lib/core/outcomes.ts';

/** Filter of the list of runs. It is part of the address, so that users can share what they see. */
export interface RunsFilter {
  readonly job?: string;
  readonly outcome?: string;
}

/** @param query query string without `?`. Unknown and empty parameters are ignored. */
export function parseRunsFilter(query: string): RunsFilter {
  const given = new URLSearchParams(query);
  const job = given.get('job') ?? '';
  const outcome = runOutcomes.find((known) => known === given.get('outcome'));
  return { ...(job === '' ? {} : { job }), ...(outcome === undefined ? {} : { outcome }) };
}

export function runsLink({ job = '', outcome = '' }: RunsFilter): string {
  const query = new URLSearchParams({ ...(job === '' ? {} : { job }), ...(outcome === '' ? {} : { outcome }) });
  return query.size === 0 ? '#/runs' : `#/runs?${query.toString()}`;
}

/** Runs of one day in the reader's zone. */
export interface DayOfRuns {
  readonly title: string;
  readonly runs: readonly RunSummaryAnswer[];
}

const dayTitle = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

/** The runs by the day that they started on. The order stays. */
export function byDay(runs: readonly RunSummaryAnswer[], nowMs: number): readonly DayOfRuns[] {
  const titleOf = (ms: number): string => dayTitle.format(ms);
  const yesterday = new Date(nowMs);
  yesterday.setDate(yesterday.getDate() - 1);
  const names = new Map([
    [titleOf(yesterday.getTime()), 'Yesterday'],
    [titleOf(nowMs), 'Today'],
  ]);
  return [...Map.groupBy(runs, ({ startedAt }) => titleOf(Date.parse(startedAt)))].map(([title, some]) => ({
    title: names.get(title) ?? title,
    runs: some,
  }));
}
