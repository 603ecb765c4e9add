import type { Command } from 'commander';
import type { JobHistoryAnswer, TenantHistoryAnswer } from '../../lib/api/answers/history.ts';
import { timeForms, timeOption } from '../options.ts';
import { type TenantFlags, withTenants } from '../remote/chosen-tenants.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { tenantForms } from '../remote/named-tenants.ts';
import { print } from '../sign-in/output.ts';

interface HistoryFlags extends ConnectionFlags, TenantFlags {
  readonly column?: readonly string[];
  readonly value?: string;
  readonly since?: string;
  readonly until?: string;
  readonly json?: true;
}

/** `ptb jobs history`. */
export function registerJobHistory(jobs: Command): void {
  const command = jobs
    .command('history')
    .argument('<job>', 'name of the job')
    .description(
      'Show how the numbers of a job developed, run by run, newest first: its rows, the sums of its columns, and the tenants that it reached.',
    )
    .option('--tenant <tenant...>', `one tenant, or the sums of several: ${tenantForms}`)
    .option('--except <tenant...>', 'without these tenants')
    .option('--column <name...>', 'only these columns, such as free or registered=false')
    .option('--value <value>', 'only rows with this value of the column by which the job splits its history')
    .option('--since <time>', `only runs since then: ${timeForms} (default: 90d)`, timeOption)
    .option('--until <time>', `only runs before: ${timeForms}`, timeOption)
    .option('--json', 'one JSON document, with all columns');
  addConnectionOptions(command).action(showHistory);
}

async function showHistory(job: string, { column, json, ...flags }: HistoryFlags): Promise<void> {
  const { value, since, until } = flags;
  const client = await connect(flags);
  const answer = (await withTenants(client, flags, ({ one, query }) =>
    one === undefined
      ? client.get(`/jobs/${encodeURIComponent(job)}/history`, { ...query, value, since, until })
      : client.get(`/tenants/${encodeURIComponent(one)}/history`, { job, value, since, until }),
  )) as JobHistoryAnswer | TenantHistoryAnswer;
  if (json) {
    print(json, answer, []);
    return;
  }
  const { historyLines } = await import('../jobs/history-lines.ts');
  print(json, answer, historyLines(answer, column));
}
