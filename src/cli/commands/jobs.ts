import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { JobsAnswer } from '../../lib/api/answers/jobs.ts';
import { byTopic } from '../../lib/core/topics.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { addParameterOptions, jobNamed, type ParameterFlags } from '../jobs/given-parameters.ts';
import { nextSteps } from '../jobs/next-steps.ts';
import { wholeNumberOption } from '../options.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import { print, say } from '../sign-in/output.ts';
import { table } from '../table.ts';
import { exactTime } from '../times.ts';
import { registerJobHistory } from './jobs-history.ts';

/** `ptb jobs`: lists the jobs of a running broker, and helps to write one. */
export function registerJobs(program: Command): void {
  const jobs = program.command('jobs').description('List the jobs of a broker, or write a new one.');
  const list = jobs
    .command('list', { isDefault: true })
    .description('List the jobs of a broker by topic, with their schedules.')
    .option('--json', 'one JSON document');
  addConnectionOptions(list).action(listJobs);
  const show = jobs
    .command('show')
    .argument('<job>', 'name of the job')
    .description('Show a job of a broker, with the parameters that a run can be given.')
    .option('--json', 'one JSON document');
  addConnectionOptions(show).action(showJob);
  registerJobHistory(jobs);
  jobs
    .command('new')
    .argument('<name>', 'lower case letters, digits and hyphens')
    .description('Write a job, its test and its line in the list of jobs, in the folder of the project.')
    .option('--change', 'a job that plans changes, which people apply')
    .option('--json', 'one JSON document')
    .action(writeJob);
  const attempt = jobs
    .command('try')
    .argument('<job>', 'name of the job')
    .description('Build the working copy and run one of its jobs over a few tenants of the simulated cloud.')
    .addOption(
      new Option('--tenants <n>', 'number of simulated tenants, all of which work')
        .argParser(wholeNumberOption(1, 100))
        .default(3)
        .conflicts('tenant'),
    )
    .option('--tenant <name...>', 'these of the 25 tenants of `npm start`, by name, domain or id; some of them fail')
    .option('--permissions <file>', "judge by this copy of Microsoft's published permission file")
    .option('--json', 'one JSON document');
  addParameterOptions(attempt).action(tryOne);
}

async function listJobs(flags: ConnectionFlags & { json?: true }): Promise<void> {
  const answer = (await (await connect(flags)).get('/jobs')) as JobsAnswer;
  const rows = byTopic(answer.jobs).flatMap(([topic, jobs]) =>
    jobs.map((job) => [
      topic,
      job.name,
      job.title,
      job.nextAt === undefined ? 'on demand' : exactTime(job.nextAt),
      job.schedule ?? '',
    ]),
  );
  const columns = [
    'topic',
    // Commands take the whole name.
    { head: 'job', min: 40 },
    { head: 'title', min: 16, wrap: true },
    { head: 'next run', min: 16 },
    { head: 'schedule (UTC)', optional: true },
  ];
  print(flags.json, answer, table(columns, rows));
}

async function showJob(name: string, flags: ConnectionFlags & { json?: true }): Promise<void> {
  const job = jobNamed((await (await connect(flags)).get('/jobs')) as JobsAnswer, name);
  const { jobLines } = await import('../jobs/job-lines.ts');
  print(flags.json, job, jobLines(job));
}

async function writeJob(name: string, flags: { change?: true; json?: true }): Promise<void> {
  const { newJob } = await import('../jobs/new-job.ts');
  const files = await newJob('.', name, flags.change === true);
  print(flags.json, { job: name, files }, [...files.map((file) => `Written: ${file}`), '', ...nextSteps(name)]);
}

interface TryFlags extends ParameterFlags {
  readonly tenants: number;
  readonly tenant?: readonly string[];
  readonly permissions?: string;
  readonly json?: true;
}

async function tryOne(job: string, { tenants, tenant, permissions, json, ...flags }: TryFlags): Promise<void> {
  const [{ tryJob }, { triedLines }, { createProgress }, { exitByRun }] = await Promise.all([
    import('../jobs/try-job.ts'),
    import('../jobs/tried-lines.ts'),
    import('../remote/progress.ts'),
    import('../remote/follow-run.ts'),
  ]);
  const attempt = interruptible(async (_: undefined, signal: AbortSignal) => {
    const tried = await tryJob({
      job,
      tenants,
      only: tenant,
      parameters: flags,
      permissionsFile: permissions,
      ptbScript: resolve(process.argv[1] ?? ''),
      progress: createProgress(process.stderr, Date.now),
      say,
      signal,
    });
    print(json, tried, triedLines(tried));
    exitByRun(tried.run);
  });
  await attempt(undefined);
}
