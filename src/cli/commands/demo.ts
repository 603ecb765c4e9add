import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { asObject } from '../../lib/core/objects.ts';
import { parseJson } from '../../lib/core/outbound.ts';
import { outcomeStyle } from '../../lib/core/outcomes.ts';
import { visibleJson, visibleText } from '../../lib/core/text.ts';
import type { Demo } from '../demo/start-demo.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome, UsageError } from '../run-program.ts';
import { createProgress } from '../remote/progress.ts';
import { demoReport } from '../remote/report.ts';
import { portOption, wholeNumberOption } from '../options.ts';

interface DemoFlags {
  readonly once: boolean;
  readonly json: boolean;
  readonly tenants: number;
  readonly faults?: string;
  readonly port?: number;
  readonly delayMs?: number;
  readonly app?: string;
  readonly verbose: boolean;
}

/** Its past grows with the tenants, and so does the time to start. */
const mostWithPast = 100;

/** `ptb demo` (`npm start`): runs the demo jobs on this machine, against the simulated cloud. */
export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('Run jobs over simulated customer tenants, entirely on this machine.')
    .option('--once', 'exit after the runs', false)
    .option('--json', 'print one JSON document on standard output (with --once)', false)
    .option('--tenants <n>', 'number of customer tenants, 1 to 20000', wholeNumberOption(1, 20_000), 25)
    .option('--faults <name>', 'a fault set of the simulated cloud; an unknown name lists all')
    .option('--port <n>', 'port of the function app (default: 7071, or a free port with --once)', portOption)
    .option('--delay-ms <n>', 'delay of every simulated reply in milliseconds', wholeNumberOption(0, 60_000))
    .option('--app <folder>', 'folder with host.json and the compiled app (default: the app of this package)')
    .option('--verbose', "show the function app's log", false)
    .action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const [{ startDemo }, { requireFreePort }, { builtApp }] = await Promise.all([
    import('../demo/start-demo.ts'),
    import('../demo/free-port.ts'),
    import('../project/own-project.ts'),
  ]);
  const port = flags.port ?? (flags.once ? 0 : 7071);
  await requireFreePort(port);
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const { stderr } = process;
  let running: Demo | undefined;
  try {
    running = await startDemo({
      tenants: flags.tenants,
      faults: flags.faults,
      delayMs: flags.delayMs,
      port,
      past: !flags.once && flags.tenants <= mostWithPast,
      ptbScript: resolve(process.argv[1] ?? ''),
      appFolder: flags.app === undefined ? builtApp() : resolve(flags.app),
      say: (line) => stderr.write(`${line}\n`),
      onUnmatched: (requests) =>
        void stderr.write(`The simulated cloud does not implement these requests: ${requests.join(', ')}\n`),
      onHostLine: flags.verbose
        ? (line) => void stderr.write(`${line}\n`)
        : showJobErrors((line) => void stderr.write(line)),
    });
    const file = flags.once ? undefined : await describeDemo(running);
    try {
      await showRuns(running, flags, interrupted.signal);
      if (file !== undefined) {
        const { askForApproval } = await import('../demo/local-policy.ts');
        const { applyChange, changeCustomers, tagCustomers } = await import('../demo/customer-changes.ts');
        await tagCustomers(running);
        await askForApproval(running.cloud, running.url);
        const { signal } = interrupted;
        void changeCustomers(running, signal);
        void applyChange(running, signal);
        await stayUp(running, interrupted.signal);
      }
    } finally {
      await file?.remove();
    }
  } catch (error) {
    if (interrupted.signal.aborted) throw new CommandOutcome(flags.once ? exitCodes.interrupted : exitCodes.ok);
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  } finally {
    await running?.stop();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

/**
 * Shows the first error of a job in each run, so that its author need not look for it. The other errors of the run are
 * often the same.
 */
function showJobErrors(write: (text: string) => void): (line: string) => void {
  const shown = new Set<string>();
  return (line) => {
    if (!line.includes('"tenant_run.failed"') || !line.includes('"job_failed"')) return;
    const { runId = '', tenantId = '', cause, detail } = readFields(line);
    if (shown.has(runId)) return;
    shown.add(runId);
    write(
      `\n${runId} threw: ${visibleText(cause ?? detail ?? '')}\n  See where: ptb runs show ${runId} --tenant ${tenantId}\n`,
    );
  };
}

const readFields = (line: string) =>
  asObject(parseJson(line.slice(line.indexOf('{')))) as Readonly<Record<string, string>>;

/** Writes the addresses before the first run, so that they can be used while the runs make no progress. */
async function describeDemo(running: Demo): Promise<{ remove(): Promise<void> }> {
  const [{ keepEnvironmentFile }, { environmentFile }] = await Promise.all([
    import('../demo/environment-file.ts'),
    import('../demo/running-demo.ts'),
  ]);
  const file = await keepEnvironmentFile(running);
  process.stderr.write(
    [
      `The dashboard         ${running.url}/api/dashboard    (sign in as operator, helpdesk, approver, auditor or newcomer)`,
      '                      The browser warns of the certificate of the simulated sign-in page, which is made for this demo.',
      `The API               ${running.url}/api/docs`,
      `The simulated cloud   ${running.cloud.control}/`,
      `For ptb               ${toPath}`,
      `For curl              . ${environmentFile}    (see the README)`,
      'For PowerShell        Connect-PartnerTokenBroker -Demo',
      '',
    ].join('\n'),
  );
  return file;
}

/** Runs the jobs and prints the report. @throws CommandOutcome with --once, if a run stopped or failed everywhere. */
async function showRuns(running: Demo, flags: DemoFlags, interrupted: AbortSignal): Promise<void> {
  const { runDemoJobs } = await import('../demo/run-demo.ts');
  const { api } = running;
  const summary = await runDemoJobs(running, createProgress(process.stderr, Date.now), interrupted);
  if (flags.json) process.stdout.write(`${visibleJson(summary)}\n`);
  else {
    const runs = await Promise.all(
      summary.runs.map(async (run) => ({ run, tenants: (await api.runTenants(run.runId)).tenants })),
    );
    // With a dead credential the list of tenants cannot be read. The report names the reason.
    process.stdout.write(demoReport(summary, runs, await api.tenants().catch(() => [])));
  }
  // Some tenants of the demo are meant to fail.
  const failed = summary.runs.some(({ outcome }) => outcomeStyle(outcome).exitCode === exitCodes.failure);
  if (flags.once && failed) throw new CommandOutcome(exitCodes.failure);
}

/** Puts `ptb` on the PATH of a terminal in the project, as the README does. */
const toPath = 'export PATH="$PWD/node_modules/.bin:$PATH"';

async function stayUp(running: Demo, interrupted: AbortSignal): Promise<void> {
  process.stderr.write('The broker stays up. Press Ctrl+C to stop.\n');
  if (!interrupted.aborted) await Promise.race([once(interrupted, 'abort'), running.broken]);
}
