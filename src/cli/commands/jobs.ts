import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { JobsAnswer } from '../../lib/api/answers/jobs.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { jsonObject, wholeNumberOption } from '../options.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import { print, say } from '../sign-in/output.ts';
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
  jobs
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
    .option('--parameters <json>', 'parameters of the job, a JSON object', jsonObject)
    .option('--permissions <file>', "judge by this copy of Microsoft's published permission file")
    .option('--json', 'one JSON document')
    .action(tryOne);
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
    `Try it:                 npx ptb jobs try ${name}`,
  ]);
}

interface TryFlags {
  readonly tenants: number;
  readonly tenant?: readonly string[];
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly permissions?: string;
  readonly json?: true;
}

async function tryOne(job: string, { tenants, tenant, parameters, permissions, json }: TryFlags): Promise<void> {
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
      parameters,
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
