import type { Command } from 'commander';
import type { JobsAnswer } from '../../lib/api/answers/jobs.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { print } from '../sign-in/output.ts';
import { table } from '../table.ts';
import { exactTime } from '../times.ts';

/** `ptb jobs`: lists the jobs of a running broker, and helps to write one. */
export function registerJobs(program: Command): void {
  const jobs = program.command('jobs').description('List the jobs of a broker, or write a new one.');
  const list = jobs
    .command('list', { isDefault: true })
    .description('List the jobs of a broker and their schedules.')
    .option('--json', 'one JSON document');
  addConnectionOptions(list).action(listJobs);
  jobs
    .command('new')
    .argument('<name>', 'lower case letters, digits and hyphens')
    .description('Write a job, its test and its line in the list of jobs, in the folder of the project.')
    .option('--json', 'one JSON document')
    .action(writeJob);
}

async function listJobs(flags: ConnectionFlags & { json?: true }): Promise<void> {
  const answer = (await (await connect(flags)).get('/jobs')) as JobsAnswer;
  const rows = answer.jobs.map((job) => [
    job.name,
    job.title,
    job.schedule ?? 'on demand',
    job.nextAt === undefined ? '' : exactTime(job.nextAt),
  ]);
  print(
    flags.json,
    answer,
    table([{ head: 'job', min: 20 }, 'title', 'schedule (UTC)', { head: 'next run', min: 16 }], rows),
  );
}

async function writeJob(name: string, flags: { json?: true }): Promise<void> {
  const { newJob } = await import('../jobs/new-job.ts');
  const files = await newJob('.', name);
  print(flags.json, { job: name, files }, [
    ...files.map((file) => `Written: ${file}`),
    '',
    `Run its test:           npx vitest run test/unit/jobs/${name}.test.ts`,
    'Check types and style:  npm run check',
    `Try it (docs/jobs.md):  npm start, and in another terminal: . .local/demo.env; npx ptb run ${name} --wait`,
  ]);
}
