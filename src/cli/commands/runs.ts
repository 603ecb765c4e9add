import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
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
import { outcomeWord } from '../../lib/model/outcomes.ts';
import { exportFormats, maxPageRows } from '../../lib/runs/export-formats.ts';
import { jsonArray } from '../../lib/runs/json-array.ts';
import { visibleBlocks } from '../../lib/runtime/visible-text.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { exitByRun, followRun, runPath } from '../remote/follow-run.ts';
import { createProgress } from '../remote/progress.ts';
import { print, say } from '../sign-in/output.ts';
import { table } from '../table.ts';
import { wholeNumberOption } from '../options.ts';
import { readRunTenant, tenantLines } from '../remote/run-tenant.ts';
import { runLines } from './run.ts';

interface RunsFlags extends ConnectionFlags {
  readonly json?: true;
}

/** `ptb runs`: lists, shows, exports, compares, repeats and cancels runs. */
export function registerRuns(program: Command): void {
  const runs = program.command('runs').description('Show and control the runs of a broker.');
  const add = (name: string, description: string, options: { isDefault?: boolean } = {}): Command =>
    addConnectionOptions(runs.command(name, options).description(description).option('--json', 'one JSON document'));
  add('list', 'List the latest runs.', { isDefault: true })
    .option('--job <name>', 'only runs of this job')
    .option('--limit <n>', 'maximum number of runs, 1 to 500', wholeNumberOption(1, 500), 20)
    .action(list);
  add('show', 'Show one run, with its failures and advice.')
    .argument('<run-id>')
    .option('--wait', 'wait for the end and show progress on standard error')
    .option('--tenant <id-or-name>', 'show what the job logged and threw in this tenant')
    .action(show);
  add('export', 'Write the rows of a run to standard output or a file.')
    .argument('<run-id>')
    .addOption(new Option('--format <format>', 'output format').choices([...exportFormats]).default('jsonl'))
    .option('--output <file>', 'write to this file')
    .action(exportRows);
  add('diff', 'Show what changed since the previous run.')
    .argument('<run-id>')
    .option('--with <run-id>', 'compare with this run')
    .action(diff);
  add('rerun', 'Run the job again for the tenants that failed or were not attempted.')
    .argument('<run-id>')
    .action(rerun);
  add('cancel', 'Stop a run before its next tenant.').argument('<run-id>').action(cancel);
}

async function list(flags: RunsFlags & { job?: string; limit: number }): Promise<void> {
  const answer = (await (
    await connect(flags)
  ).get('/runs', { job: flags.job, limit: String(flags.limit) })) as RunsAnswer;
  const rows = answer.runs.map(({ runId, outcome, tenants, startedAt, durationMs, finishedAt }) => [
    runId,
    outcomeWord(outcome),
    // Until the end of the run, the list knows the number of its tenants only.
    finishedAt === undefined ? `of ${tenants.total || 'unknown'}` : `${tenants.succeeded}/${tenants.total}`,
    finishedAt === undefined ? '' : String(tenants.failed),
    startedAt,
    `${(durationMs / 1000).toFixed(1)} s`,
  ]);
  print(flags.json, answer, table(['run', 'outcome', 'succeeded', 'failed', 'started', 'took'], rows));
}

async function show(runId: string, flags: RunsFlags & { wait?: true; tenant?: string }): Promise<void> {
  const client = await connect(flags);
  const run = flags.wait
    ? await followRun(client, runId, createProgress(process.stderr, Date.now, { failures: true }))
    : ((await client.get(runPath(runId))) as RunAnswer);
  if (flags.tenant === undefined) print(flags.json, run, runLines(run));
  else {
    const tenant = await readRunTenant(client, runId, flags.tenant);
    print(flags.json, tenant, tenantLines(tenant));
  }
  if (flags.wait) exitByRun(run);
}

async function exportRows(runId: string, flags: RunsFlags & { format: string; output?: string }): Promise<void> {
  const format = flags.json ? 'json' : flags.format;
  const query = { format: format === 'json' ? 'jsonl' : format, limit: String(maxPageRows) };
  const pages = (await connect(flags)).pages(`${runPath(runId)}/results`, query);
  const rows = Readable.from(encoded(format === 'json' ? jsonArray(pages) : pages));
  if (flags.output === undefined) {
    const shown = process.stdout.isTTY ? Readable.from(visibleBlocks(rows)) : rows;
    await pipeline(shown, process.stdout, { end: false });
    return;
  }
  // An interrupted export must not look complete.
  const partial = `${flags.output}.part`;
  await pipeline(rows, createWriteStream(partial));
  await rename(partial, flags.output);
  say(`Written to ${flags.output}.`);
}

async function* encoded(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const text of texts) yield Buffer.from(text);
}

async function diff(runId: string, flags: RunsFlags & { with?: string }): Promise<void> {
  const answer = (await (
    await connect(flags)
  ).get(`${runPath(runId)}/changes`, { with: flags.with })) as RunChangesAnswer;
  const cells = (row: Readonly<Record<string, unknown>>): string =>
    Object.entries(row)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(', ');
  const lines = answer.changes.map((change) => {
    if (change.change === 'added') return `+ ${change.name}: ${cells(change.after)}`;
    if (change.change === 'removed') return `- ${change.name}: ${cells(change.before)}`;
    const differing = change.columns.map(
      (column) => `${column}: ${String(change.before[column])} -> ${String(change.after[column])}`,
    );
    return `~ ${change.name}: ${cells(change.after)} (${differing.join(', ')})`;
  });
  print(flags.json, answer, [
    `${answer.runId} compared with ${answer.comparedWith}, ${answer.comparedTenants} tenants in both`,
    ...(lines.length === 0 ? ['Nothing changed.'] : lines),
    ...(answer.truncated ? ['There are more changes.'] : []),
    ...answer.onlyBefore.map(({ name }) => `! ${name}: only in the earlier run`),
    ...answer.onlyAfter.map(({ name }) => `! ${name}: only in this run`),
  ]);
}

async function rerun(runId: string, flags: RunsFlags): Promise<void> {
  const started = (await (await connect(flags)).post(`${runPath(runId)}/rerun`, {})) as StartedRunAnswer;
  print(flags.json, started, [`Started ${started.runId}.`]);
}

async function cancel(runId: string, flags: RunsFlags): Promise<void> {
  const answer = (await (await connect(flags)).post(`${runPath(runId)}/cancel`, {})) as CancelledRunAnswer;
  print(flags.json, answer, [
    answer.cancelRequested ? 'The run stops before its next tenant.' : `The run has already ended (${answer.status}).`,
  ]);
}
