import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import type {
  CancelledRunAnswer,
  RunAnswer,
  RunChangesAnswer,
  RunsAnswer,
  StartedRunAnswer,
} from '../../lib/api/answers/runs.ts';
import { exportFormats, maxPageRows } from '../../lib/runs/store/run.ts';
import type { JobsAnswer } from '../../lib/api/answers/jobs.ts';
import { jobNamed } from '../jobs/given-parameters.ts';
import { jsonArray } from '../jobs/json-array.ts';
import { defined } from '../../lib/core/objects.ts';
import { visibleBlocks } from '../../lib/core/text.ts';
import { counted } from '../counted.ts';
import { styled } from '../line.ts';
import { outcomePiece } from '../outcome-piece.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { exitByRun, followRun, runPath } from '../remote/follow-run.ts';
import { createProgress } from '../remote/progress.ts';
import { tenantQuery } from '../remote/chosen-tenants.ts';
import { tenantForms } from '../remote/named-tenants.ts';
import { addRunArgument, shownRunId, withRun } from '../remote/run-reference.ts';
import { readRunTenant, tenantLines } from '../remote/run-tenant.ts';
import { print, say } from '../sign-in/output.ts';
import { table } from '../table.ts';
import { shortTime } from '../times.ts';
import { writeWhole } from '../whole-file.ts';
import { wholeNumberOption } from '../options.ts';
import { printRun } from './run.ts';

interface RunsFlags extends ConnectionFlags {
  readonly json?: true;
}

interface ExportFlags {
  readonly tenant?: readonly string[];
  readonly except?: readonly string[];
  readonly format: string;
  readonly output?: string;
}

interface RunFlags extends RunsFlags {
  readonly latest?: true;
}

/** `ptb runs`: lists, shows, follows, exports, compares, repeats and cancels runs. */
export function registerRuns(program: Command): void {
  const runs = program.command('runs').description('Show and control the runs of a broker.');
  const add = (name: string, description: string, options: { isDefault?: boolean } = {}): Command =>
    addConnectionOptions(runs.command(name, options).description(description).option('--json', 'one JSON document'));
  add('list', 'List the latest runs.', { isDefault: true })
    .option('--job <name>', 'only runs of this job')
    .option('--limit <n>', 'maximum number of runs, 1 to 500', wholeNumberOption(1, 500), 20)
    .action(list);
  addRunArgument(add('show', 'Show one run, with its failures and advice.'))
    .option('--wait', 'wait for the end and show progress on standard error')
    .option('--tenant <tenant>', 'show what the job logged and threw in this tenant: its name, a domain or its id')
    .action(show);
  add('watch', 'Follow a run until its end, also while the broker restarts. The exit code is that of `run --wait`.')
    .argument('[run-id]', 'id of the run, or its beginning (default: the newest run)')
    .action(watch);
  addRunArgument(add('export', 'Write the rows of a run to standard output or a file.'))
    .addOption(new Option('--format <format>', 'output format').choices([...exportFormats]).default('jsonl'))
    .option('--tenant <tenant...>', `only these tenants: ${tenantForms}`)
    .option('--except <tenant...>', 'without these tenants')
    .option('--output <file>', 'write to this file')
    .action(exportRows);
  addRunArgument(add('diff', 'Show what changed since the previous run.'))
    .option('--with <run-id>', 'compare with this run')
    .action(diff);
  addRunArgument(add('rerun', 'Run the job again for the tenants that failed or were not attempted.'))
    .option('--wait', 'wait for the end and show progress on standard error')
    .action(rerun);
  addRunArgument(add('cancel', 'Stop a run before its next tenant.')).action(cancel);
}

async function list(flags: RunsFlags & { job?: string; limit: number }): Promise<void> {
  const client = await connect(flags);
  const answer = (await client.get('/runs', { job: flags.job, limit: String(flags.limit) })) as RunsAnswer;
  // Nothing is listed for a misspelt job, and for one that has not run yet.
  if (flags.job !== undefined && answer.runs.length === 0)
    jobNamed((await client.get('/jobs')) as JobsAnswer, flags.job);
  const rows = answer.runs.map(({ runId, outcome, tenants, startedAt, durationMs, finishedAt }) => [
    shownRunId(runId),
    outcomePiece(outcome),
    // Until the end of the run, the list knows the number of its tenants only.
    `${finishedAt === undefined ? '' : tenants.failed} of ${tenants.total || 'unknown'}`.trim(),
    finishedAt === undefined ? '' : String(tenants.succeeded),
    shortTime(startedAt),
    `${(durationMs / 1000).toFixed(1)} s`,
  ]);
  const run = { head: 'run', min: 44 };
  const outcome = { head: 'outcome', min: 13 };
  const succeeded = { head: 'succeeded', optional: true };
  const started = { head: 'started', min: 11 };
  const took = { head: 'took', optional: true };
  print(flags.json, answer, table([run, outcome, 'failed', succeeded, started, took], rows));
}

async function show(start: string | undefined, flags: RunFlags & { wait?: true; tenant?: string }): Promise<void> {
  const client = await connect(flags);
  const run = await withRun(client, { start, latest: flags.latest }, async (runId) =>
    flags.wait ? follow(client, runId) : ((await client.get(runPath(runId))) as RunAnswer),
  );
  if (flags.tenant === undefined) await printRun(client, run, flags);
  else {
    const tenant = await readRunTenant(client, run.runId, flags.tenant);
    print(flags.json, tenant, tenantLines(tenant));
  }
  if (flags.wait) exitByRun(run);
}

async function watch(start: string | undefined, flags: RunsFlags): Promise<void> {
  const client = await connect(flags);
  const run = await withRun(client, { start, latest: start === undefined }, (runId) => follow(client, runId));
  await printRun(client, run, flags);
  exitByRun(run);
}

const follow = (client: BrokerClient, runId: string): Promise<RunAnswer> =>
  followRun(client, runId, createProgress(process.stderr, Date.now, { failures: true }));

async function exportRows(start: string | undefined, flags: RunFlags & ExportFlags): Promise<void> {
  const client = await connect(flags);
  // The run is asked for first, so that a wrong id leaves no file.
  await withRun(client, { start, latest: flags.latest }, async (runId) => {
    await client.get(runPath(runId));
    await exportRun(client, runId, flags);
  });
}

async function exportRun(client: BrokerClient, runId: string, flags: RunFlags & ExportFlags): Promise<void> {
  const format = flags.json ? 'json' : flags.format;
  const query = {
    format: format === 'json' ? 'jsonl' : format,
    limit: String(maxPageRows),
    ...defined(await tenantQuery(client, flags)),
  };
  const pages = client.pages(`${runPath(runId)}/results`, query);
  const rows = encoded(format === 'json' ? jsonArray(pages) : pages);
  if (flags.output === undefined) {
    const shown = process.stdout.isTTY ? visibleBlocks(rows) : rows;
    await pipeline(Readable.from(shown), process.stdout, { end: false });
    return;
  }
  await writeWhole(flags.output, rows);
  say(`Written to ${flags.output}.`);
}

async function* encoded(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const text of texts) yield Buffer.from(text);
}

async function diff(start: string | undefined, flags: RunFlags & { with?: string }): Promise<void> {
  const client = await connect(flags);
  const changes = async (runId: string, other?: string): Promise<RunChangesAnswer> =>
    (await client.get(`${runPath(runId)}/changes`, { with: other })) as RunChangesAnswer;
  const answer = await withRun(client, { start, latest: flags.latest }, (runId) =>
    flags.with === undefined
      ? changes(runId)
      : withRun(client, { start: flags.with }, (other) => changes(runId, other)),
  );
  const cells = (row: Readonly<Record<string, unknown>>): string =>
    Object.entries(row)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(', ');
  const lines = answer.changes.map((change) => {
    if (change.change === 'added') return styled('good', `+ ${change.name}: ${cells(change.after)}`);
    if (change.change === 'removed') return styled('bad', `- ${change.name}: ${cells(change.before)}`);
    const differing = change.columns.map(
      (column) => `${column}: ${String(change.before[column])} -> ${String(change.after[column])}`,
    );
    return `~ ${change.name}: ${cells(change.after)} (${differing.join(', ')})`;
  });
  print(flags.json, answer, [
    `${answer.runId} compared with ${answer.comparedWith}, ${counted(answer.comparedTenants, 'tenant')} in both`,
    ...(lines.length === 0 ? ['Nothing changed.'] : lines),
    ...(answer.truncated ? ['There are more changes.'] : []),
    ...answer.onlyBefore.map(({ name }) => `! ${name}: only in the earlier run`),
    ...answer.onlyAfter.map(({ name }) => `! ${name}: only in this run`),
  ]);
}

async function rerun(start: string | undefined, flags: RunFlags & { wait?: true }): Promise<void> {
  const client = await connect(flags);
  const { runId: again, started } = await withRun(client, { start, latest: flags.latest }, async (runId) => ({
    runId,
    started: (await client.start(`${runPath(runId)}/rerun`, {})) as StartedRunAnswer,
  }));
  if (flags.wait) {
    say(`Started ${started.runId}, which repeats ${again}.`);
    const run = await follow(client, started.runId);
    await printRun(client, run, flags);
    exitByRun(run);
    return;
  }
  print(flags.json, started, [
    `Started ${started.runId}, which repeats ${again}.`,
    `Follow it with: ptb runs watch ${started.runId}`,
  ]);
}

async function cancel(start: string | undefined, flags: RunFlags): Promise<void> {
  const client = await connect(flags);
  const answer = (await withRun(client, { start, latest: flags.latest }, (runId) =>
    client.post(`${runPath(runId)}/cancel`, {}),
  )) as CancelledRunAnswer;
  if (answer.cancelRequested) print(flags.json, answer, [`${answer.runId} stops before its next tenant.`]);
  else {
    const { outcome } = (await client.get(runPath(answer.runId))) as RunAnswer;
    print(flags.json, answer, [[`${answer.runId} has already ended: `, outcomePiece(outcome)]]);
  }
}
