import type { ResultHistory } from '../history/result-history.ts';
import type { LastResultsReader } from './last-results.ts';
import type { QuerySlots } from './query-slots.ts';
import type { RunLog, RunResults } from './run-log.ts';
import type { RunPlans } from './run-plans.ts';
import type { RunStops } from './run-stops.ts';
import type { ScheduleLog } from './schedule-log.ts';

/** Access to stored runs, with the in-memory caches over them. */
export interface Runs {
  readonly log: RunLog;
  readonly schedules: ScheduleLog;
  readonly querySlots: Pick<QuerySlots, 'take'>;
  readonly results: RunResults;
  readonly plans: RunPlans;
  readonly stops: RunStops;
  readonly lastResults: LastResultsReader;
  readonly history: ResultHistory;
}
