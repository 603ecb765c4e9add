import * as z from 'zod';
import type { RunTenantsAnswer } from '../answers/runs.ts';
import { queryJob } from '../../runs/store/run.ts';
import { parseRunId } from '../../runs/store/run-id.ts';
import { type Ask, jsonOf } from './ask.ts';

/**
 * The number of tenants in which Microsoft Graph has more rows than a query read, so far. 0 for a run of a job, which returns
 * all its rows.
 * @throws BrokerError as the route does.
 */
export async function countCutTenants(ask: Ask, runId: string): Promise<number> {
  if (parseRunId(runId)?.job !== queryJob) return 0;
  const answer = await ask({ route: 'runs-tenants', path: { runId }, query: { outcome: 'succeeded' } });
  const { tenants } = jsonOf(answer) as RunTenantsAnswer;
  return tenants.filter(({ more }) => more === true).length;
}

/** Of the answers of tools. */
export const cutTenantsShape = {
  cutTenants: z.int().meta({
    description: 'Tenants of a query in which Microsoft Graph has more rows than were read: the rows are not all.',
  }),
};

/** The rows of such tenants must not pass for all. */
export const cutTenantsNotes = (count: number): readonly string[] =>
  count === 0
    ? []
    : [
        `The rows are not all: Microsoft Graph has more in ${count} ${count === 1 ? 'tenant' : 'tenants'}. Ask with allPages; if that was set, ask for less, with $filter, $select or fewer tenants.`,
      ];
