import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import type { CheckedQueryAnswer, RunAnswer, RunTenantsAnswer, StartedRunAnswer } from '../../lib/api/answers/runs.ts';
import { counted } from '../counted.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Line } from '../line.ts';
import { nextSteps } from '../jobs/next-steps.ts';
import { onInterrupt } from '../query/interruption.ts';
import { arrivedRows } from '../query/arrived-rows.ts';
import { csv, jsonLines, peopleTable, type RowFormat } from '../query/row-formats.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { exitByRun, followRun, runPath } from '../remote/follow-run.ts';
import { namedTenants, tenantForms } from '../remote/named-tenants.ts';
import { createProgress, type Progress } from '../remote/progress.ts';
import { advice } from '../remote/report.ts';
import { CommandOutcome, UsageError } from '../run-program.ts';
import { print, say } from '../sign-in/output.ts';
import { writeWhole } from '../whole-file.ts';

interface QueryFlags extends ConnectionFlags {
  readonly tenant?: readonly string[];
  readonly except?: readonly string[];
  readonly select?: readonly string[];
  readonly allPages?: true;
  readonly csv?: true;
  readonly output?: string;
  readonly dryRun?: true;
  readonly save?: string;
  readonly schedule?: string;
  readonly json?: true;
}

/** `ptb query PATH`: sends one GET to Microsoft Graph in many tenants, and prints the rows as they arrive. */
export function registerQuery(program: Command): void {
  const query = program
    .command('query')
    .description(
      'Ask Microsoft Graph the same in many customer tenants, under the permissions of your rule. Prints the rows while they arrive: as a table, or as JSON Lines or CSV. Exit 3: some tenants failed, or rows are missing although --all-pages asked for them; 1: all failed, or no rule opens the request.',
    )
    .argument('<path>', "path and query at Microsoft Graph, such as /users or '/beta/devices?$top=999'")
    .option('--tenant <tenant...>', `only these tenants: ${tenantForms}`)
    .option('--except <tenant...>', 'without these tenants')
    .option('--select <names>', 'properties, with commas between them; also the order of the columns', namesOf)
    .option('--all-pages', 'read all pages of each answer, and not the first one alone')
    .option('--csv', 'CSV')
    .option('--output <file>', 'write the rows to this file; CSV if its name ends with .csv, JSON Lines otherwise')
    .option('--dry-run', 'print what would be sent, which rule opens it, and in how many tenants')
    .option('--save <name>', 'ask nothing, and write a job that asks the same, in the folder of the project')
    .option('--schedule <expression>', "with --save: when the job starts, in UTC, such as '0 15 6 * * 1'")
    .option('--json', 'JSON Lines: one row a line; with --dry-run one document');
  addConnectionOptions(query).action(runQuery);
}

const namesOf = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== ''),
];

async function runQuery(path: string, flags: QueryFlags): Promise<void> {
  if (flags.csv && flags.json) throw new UsageError('Give --csv or --json, not both.');
  if (flags.save !== undefined) return save(path, flags.save, flags);
  if (flags.schedule !== undefined)
    throw new UsageError('--schedule needs --save: a query that is not saved runs once.');
  const client = await connect(flags);
  const { select, allPages } = flags;
  const tenants = await namedTenants(client, flags.tenant);
  const body = { path, select, allPages, tenants, except: await namedTenants(client, flags.except) };
  if (flags.dryRun) {
    const checked = (await client.post('/queries', { ...body, check: true })) as CheckedQueryAnswer;
    print(flags.json, checked, checkedLines(checked));
    return;
  }
  // Before the start: a run whose id is not known yet could not be cancelled.
  const interruption = onInterrupt();
  try {
    const starting = client.start('/queries', body, interruption.signal).catch((thrown: unknown) => {
      if (interruption.signal.aborted) say('The query may have started: `ptb runs` lists it.');
      throw thrown;
    });
    const { runId } = (await starting) as StartedRunAnswer;
    if (interruption.signal.aborted) {
      await cancel(client, runId);
      say('Cancelled.');
      throw new CommandOutcome(exitCodes.interrupted);
    }
    await follow(client, runId, flags, interruption.signal);
  } finally {
    interruption.stop();
  }
}

/** Writes a job with the permissions that the query needs. It runs under these, and not under the rules of the caller. */
async function save(path: string, name: string, { select, schedule, tenant, except, json }: QueryFlags): Promise<void> {
  const { saveQuery } = await import('../query/save-query.ts');
  const files = await saveQuery('.', { name, path, select, schedule, tenants: tenant, except });
  print(json, { job: name, files }, [
    ...files.map((file) => `Written: ${file}`),
    '',
    'The job reads every customer that it is for, with the permissions in its file: consent must cover them.',
    ...nextSteps(name),
  ]);
}

function checkedLines({ path, anyOf, rules, tenants: { chosen, open } }: CheckedQueryAnswer): Line[] {
  return [
    `GET ${path}`,
    ...rules.map(({ rule, permissions }) => `Opened by the rule "${rule}" with ${permissions.join(', ')}.`),
    ...(anyOf.length === 0 ? [] : [`Any of these permissions opens it: ${anyOf.join(', ')}.`]),
    `${counted(chosen, 'tenant')}, ${open === chosen ? 'all' : String(open)} of them open to you.`,
  ];
}

/** Prints the rows and the progress until the run has ended. @throws CommandOutcome interrupted after Ctrl+C. */
async function follow(client: BrokerClient, runId: string, flags: QueryFlags, signal: AbortSignal): Promise<void> {
  const { query: path = '' } = (await client.get(runPath(runId))) as RunAnswer;
  const format = formatOf(path, flags);
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  let rows = 0;
  const texts = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const page of arrivedRows(client, runId, signal)) {
      rows += page.length;
      yield Buffer.from(format.text(page));
    }
    // The rows are not all, so they must not be kept as a whole file.
    if (signal.aborted) throw new CommandOutcome(exitCodes.interrupted);
  };
  const following = followRun(untilAborted(client, ended), runId, progressOf(flags));
  // A failure to write is thrown first; this one must not count as unhandled then.
  following.catch(() => undefined);
  try {
    await write(texts(), flags.output);
  } catch (thrown) {
    over.abort();
    await cancel(client, runId);
    if (signal.aborted) say(`Cancelled. The rows so far: ptb runs export ${runId}`);
    throw thrown;
  }
  const run = await following;
  const isCut = await report(client, run, { rows, leftOut: format.leftOut, output: flags.output });
  exitByRun(run);
  if (isCut && flags.allPages) throw new CommandOutcome(exitCodes.partial);
}

/** The same client, which asks nothing any more once the signal is aborted. */
const untilAborted = (client: BrokerClient, signal: AbortSignal): BrokerClient => ({
  ...client,
  get: async (...request) => {
    if (signal.aborted) throw new CommandOutcome(exitCodes.interrupted);
    return client.get(...request);
  },
});

function formatOf(path: string, { csv: isCsv, json, output }: QueryFlags): RowFormat {
  const isShown = output === undefined && process.stdout.isTTY;
  if (isCsv || (!json && output?.toLowerCase().endsWith('.csv'))) return csv(path, !isShown);
  return json || output !== undefined ? jsonLines() : peopleTable(path);
}

/** Rows and a moving line would share a terminal, so there is none beside rows. */
function progressOf({ output }: QueryFlags): Progress {
  const nothing = (): void => undefined;
  if (output === undefined && process.stdout.isTTY) return { update: nothing, note: say, done: nothing };
  return createProgress(process.stderr, Date.now);
}

async function write(texts: AsyncGenerator<Uint8Array>, output: string | undefined): Promise<void> {
  if (output === undefined) {
    await pipeline(Readable.from(texts), process.stdout, { end: false });
    return;
  }
  await writeWhole(output, texts);
}

/** Whatever goes wrong, the command ends: the run is bounded. */
async function cancel(client: BrokerClient, runId: string): Promise<void> {
  await client.post(`${runPath(runId)}/cancel`, {}, AbortSignal.timeout(5_000)).catch(() => undefined);
}

interface Printed {
  readonly rows: number;
  readonly leftOut: ReadonlySet<string>;
  readonly output: string | undefined;
}

/**
 * Says how the run ended, what is missing, and what to do about failures.
 * @returns whether rows of a tenant are missing.
 */
async function report(client: BrokerClient, run: RunAnswer, { rows, leftOut, output }: Printed): Promise<boolean> {
  const { succeeded, total } = run.tenants;
  const place = output === undefined ? '' : ` in ${output}`;
  say(`${counted(rows, 'row')}${place} from ${succeeded} of ${counted(total, 'tenant')} (${run.runId})`);
  if (leftOut.size > 0) {
    const names = [...leftOut].slice(0, 10).join(', ');
    say(
      `Left out, because the first rows lack them: ${names}. Name the columns with --select, or export the run: ptb runs export --format csv ${run.runId}`,
    );
  }
  const answer = (await client.get(`${runPath(run.runId)}/tenants`, { outcome: 'succeeded' })) as RunTenantsAnswer;
  const cut = answer.tenants.filter(({ more }) => more === true);
  const [first] = cut;
  if (first !== undefined) {
    const example = cut.length === 1 ? first.name : `${counted(cut.length, 'tenant')}, for example ${first.name}`;
    say(`Microsoft Graph has more rows: ${example}. ${first.detail ?? ''}`.trim());
    if (run.parameters?.['allPages'] !== true) say('--all-pages reads them.');
  }
  for (const line of advice([run])) say(line);
  return first !== undefined;
}
