import type { TableClient } from '@azure/data-tables';
import type { ContainerClient } from '@azure/storage-blob';
import { historyTable, TableHistory } from '../history/table-history.ts';
import type { Clock } from '../../core/clock.ts';
import { BlobRunResults } from './blob-run-results.ts';
import { createLastResults } from './last-results.ts';
import { QuerySlots } from './query-slots.ts';
import { RecentCountsRunLog } from './recent-counts.ts';
import { createRunPlans } from './run-plans.ts';
import { createRunStops } from './run-stops.ts';
import type { Runs } from './runs.ts';
import { TableScheduleLog } from './schedule-log.ts';

export interface RunsDeps {
  readonly storage: {
    table(name: string): Promise<TableClient>;
    container(name: string): Promise<ContainerClient>;
  };
  readonly clock: Clock;
  readonly newId: () => string;
}

export function createRuns({ storage, clock, newId }: RunsDeps): Runs {
  const log = new RecentCountsRunLog((name) => storage.table(name), newId, clock);
  const results = new BlobRunResults((name) => storage.container(name), { clock, newId });
  return {
    log,
    schedules: new TableScheduleLog((name) => storage.table(name)),
    querySlots: new QuerySlots({ table: () => storage.table('QuerySlots'), runLog: log, clock }),
    results,
    plans: createRunPlans({ results, runLog: log }),
    stops: createRunStops({ runLog: log, clock }),
    lastResults: createLastResults({ runLog: log, clock }),
    history: new TableHistory(() => storage.table(historyTable)),
  };
}
