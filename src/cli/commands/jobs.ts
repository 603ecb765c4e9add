import type { Command } from 'commander';
import type { JobsAnswer } from '../../lib/api/answers/jobs.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { print } from '../sign-in/output.ts';
import { table } from '../table.ts';

/** `ptb jobs`: the jobs of a running broker. */
export function registerJobs(program: Command): void {
  const jobs = program
    .command('jobs')
    .description('List the jobs of a broker and their schedules.')
    .option('--json', 'one JSON document');
  addConnectionOptions(jobs).action(async (flags: ConnectionFlags & { json?: true }) => {
    const answer = (await (await connect(flags)).get('/jobs')) as JobsAnswer;
    const rows = answer.jobs.map((job) => [job.name, job.title, job.schedule ?? 'on demand', job.nextAt ?? '']);
    print(flags.json, answer, table(['job', 'title', 'schedule (UTC)', 'next run'], rows));
  });
}
