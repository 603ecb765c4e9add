import type { Command } from 'commander';
import type { JobsAnswer } from '../../lib/api/answers/jobs.ts';
import type { RunAnswer, RunTenantsAnswer, StartedRunAnswer } from '../../lib/api/answers/runs.ts';
import { listed, requestedText } from '../../lib/core/text.ts';
import { parametersText } from '../../lib/core/parameters.ts';
import { counted } from '../counted.ts';
import { addParameterOptions, givenParameters, jobNamed, type ParameterFlags } from '../jobs/given-parameters.ts';
import type { Line } from '../line.ts';
import { outcomePiece } from '../outcome-piece.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { exitByRun, followRun, runPath } from '../remote/follow-run.ts';
import { namedTenants, tenantForms } from '../remote/named-tenants.ts';
import { createProgress } from '../remote/progress.ts';
import { advice, stopText } from '../remote/report.ts';
import { print } from '../sign-in/output.ts';
import { longTime } from '../times.ts';

interface RunFlags extends ConnectionFlags, ParameterFlags {
  readonly tenant?: readonly string[];
  readonly except?: readonly string[];
  readonly window?: string;
  readonly wait?: true;
  readonly json?: true;
}

/** `ptb run JOB`: starts a run and, with --wait, waits for its end. */
export function registerRun(program: Command): void {
  const run = program
    .command('run')
    .argument('<job>', 'name of the job')
    .description(
      'Start a run of a job. With --wait: exit 0 if all tenants succeeded, 3 if some failed, 1 if all failed, 4 if a person must sign in or consent.',
    )
    .option('--tenant <tenant...>', `only these tenants: ${tenantForms}`)
    .option('--except <tenant...>', 'without these tenants')
    .option('--window <name>', 'name of the window; a job has one run per window')
    .option('--wait', 'wait for the end and show progress on standard error')
    .option('--json', 'one JSON document');
  addConnectionOptions(addParameterOptions(run))
    .addHelpText('after', '\nThe parameters of a job, with their types and defaults: ptb jobs show JOB')
    .action(startRun);
}

async function startRun(job: string, { tenant, except, window, ...flags }: RunFlags): Promise<void> {
  const client = await connect(flags);
  const parameters = await givenParameters(flags, async () => jobNamed((await client.get('/jobs')) as JobsAnswer, job));
  const tenants = await namedTenants(client, tenant);
  const body = { tenants, except: await namedTenants(client, except), parameters, window: window || undefined };
  const path = `/jobs/${encodeURIComponent(job)}/runs`;
  // A second run of a window is refused, also to this command.
  const started = (await (window ? client.post(path, body) : client.start(path, body))) as StartedRunAnswer;
  if (!flags.wait) {
    print(flags.json, started, [`Started ${started.runId}.`, `Follow it with: ptb runs watch ${started.runId}`]);
    return;
  }
  const ended = await followRun(client, started.runId, createProgress(process.stderr, Date.now, { failures: true }));
  await printRun(client, ended, flags);
  exitByRun(ended);
}

/** Prints a run: its result, why tenants were skipped, and advice for its failures. */
export async function printRun(
  client: Pick<BrokerClient, 'glance'>,
  run: RunAnswer,
  { json }: { readonly json?: true },
): Promise<void> {
  const skipped = json || run.tenants.skipped === 0 ? [] : await skippedLines(client, run.runId);
  print(json, run, runLines(run, skipped));
}

/** Why the job had nothing to do in tenants, which is no failure. Empty if the broker does not say it at once. */
async function skippedLines(client: Pick<BrokerClient, 'glance'>, runId: string): Promise<string[]> {
  const asked = client.glance(`${runPath(runId)}/tenants`, { outcome: 'skipped' }).catch(() => ({}));
  const { tenants = [] } = (await asked) as Partial<RunTenantsAnswer>;
  const byReason = Map.groupBy(tenants, ({ code, detail }) => detail ?? code ?? 'no reason is known');
  return [...byReason].map(([why, some]) => `Skipped: ${listed(some.map(({ name }) => name))}. ${why}`);
}

/** Describes a run for people. */
export function runLines(run: RunAnswer, skippedBecause: readonly string[] = []): Line[] {
  const { total, succeeded, failed, skipped, notAttempted } = run.tenants;
  const details = `, started ${longTime(run.startedAt)} by ${run.starter?.name ?? run.startedBy}, ${(run.durationMs / 1000).toFixed(1)} s`;
  return [
    [`${run.runId}: `, outcomePiece(run.outcome), details],
    run.outcome === 'starting'
      ? 'The number of tenants is not known yet.'
      : `${counted(total, 'tenant')}: ${succeeded} succeeded, ${failed} failed, ${skipped} skipped, ${notAttempted} not attempted`,
    ...skippedBecause,
    ...(run.asked === undefined ? [] : [`Tenants: ${requestedText(run.asked)}`]),
    ...(run.parameters === undefined ? [] : [`Parameters: ${parametersText(run.parameters)}`]),
    ...run.warnings.map((warning) => `Note: ${warning}`),
    ...(run.stoppedBy === undefined ? [] : [`Stopped: ${stopText(run.stoppedBy)}`]),
    ...(run.failures.length === 0 ? [] : ['', ...advice([run])]),
  ];
}
