import { open, readFile, rm, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { Terminal } from './contribute.ts';

/** Adds `record`, `contribute` and `compare`. Their modules are loaded when they run. */
export function addRecordingCommands(program: Command): void {
  // Otherwise the options of the cloud would take those of the same name.
  program.enablePositionalOptions();
  const codes =
    '\nExit codes: 0 if it was contributed, 1 if not or if the recording ended early, 2 for an option or a file that cannot be used.';
  program
    .command('record')
    .description(
      'Record how Microsoft Graph answers in a test tenant, without tokens, ids, names and domains; then review and contribute it. With a token in GRAPH_TOKEN, the requests of requests.md are sent. Without it, a program of yours sends its own.',
    )
    .requiredOption('--output <file>', 'new file that gets a line for each request')
    .option('--port <number>', 'port to listen on (0: a free port)', portNumber, 0)
    .option('--service <url>', 'Microsoft Graph, such as that of a national cloud', serviceAddress, graph)
    .option('--to <folder>', folderOption)
    .addHelpText('after', codes)
    .action(record);
  program
    .command('contribute')
    .description('Review a recording, and add it to a checkout of this project.')
    .argument('<file>', 'recording')
    .option('--to <folder>', folderOption)
    .addHelpText('after', codes)
    .action((file: string, { to }: { readonly to?: string }, command: Command) => offer({ file, to }, command));
  program
    .command('compare')
    .description('Send recorded requests to the simulated Graph, and print how its replies differ.')
    .argument('<file...>', 'recordings')
    .addHelpText(
      'after',
      '\nExit codes: 0 without unexplained differences, 1 with some, 2 for a file that cannot be used.',
    )
    .action(compare);
}

const graph = 'https://graph.microsoft.com';
const folderOption = 'folder of recordings in a checkout of this project, if the command is started elsewhere';

function portNumber(text: string): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}

function serviceAddress(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'https:' && url.pathname === '/') return url.origin;
  throw new InvalidArgumentError('It must be an address with https:// and without a path.');
}

interface RecordOptions {
  readonly output: string;
  readonly port: number;
  readonly service: string;
  readonly to?: string;
}

async function record({ output, port, service, to }: RecordOptions, command: Command): Promise<void> {
  const { startRecorder } = await import('./recorder.ts');
  try {
    await (await open(output, 'wx')).close();
  } catch (error) {
    command.error(`The file ${output} cannot be created: ${messageOf(error)}`, { exitCode: 2 });
  }
  const report = (line: string): void => void process.stderr.write(`${line}\n`);
  const signal = stopSignal();
  const options = { upstream: service, file: output, fetch, port, report };
  const recorder = await startRecorder(options).catch(async (error: unknown) => {
    await rm(output);
    command.error(`The port ${port} cannot be used: ${messageOf(error)}. Choose another --port.`, { exitCode: 2 });
  });
  try {
    await untilRecorded({ address: recorder.address, service, signal });
  } catch (error) {
    process.stderr.write(`The recording ended early: ${messageOf(error)}.\n`);
    process.exitCode = 1;
  } finally {
    await recorder.close();
  }
  if ((await stat(output)).size === 0) {
    await rm(output);
    process.stderr.write('Nothing was recorded, so there is nothing to contribute.\n');
    process.exitCode = 1;
    return;
  }
  await offer({ file: output, to }, command);
}

interface Recording {
  readonly address: string;
  readonly service: string;
  readonly signal: AbortSignal;
}

async function untilRecorded({ address, service, signal }: Recording): Promise<void> {
  const token = process.env['GRAPH_TOKEN'];
  if (token === undefined || token === '') {
    process.stdout.write(`Use ${address} in place of ${service}. Stop with Ctrl-C, and review what was recorded.\n`);
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    return;
  }
  const { sendUsualRequests } = await import('./send-usual-requests.ts');
  process.stdout.write('Sending the requests of requests.md, which only read. Stop with Ctrl-C.\n');
  await sendUsualRequests({ address, token, fetch, signal });
}

/** Aborted by the first Ctrl-C or SIGTERM. The next one ends the program. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, stop);
  return controller.signal;
}

/** Reviews and contributes a recording. */
async function offer(
  { file, to }: { readonly file: string; readonly to: string | undefined },
  command: Command,
): Promise<void> {
  const { contribute } = await import('./contribute.ts');
  try {
    if (!(await contribute({ file, folder: to, terminal }))) process.exitCode = 1;
  } catch (error) {
    command.error(`The recording ${file} was not contributed: ${messageOf(error)}`, { exitCode: 2 });
  }
}

const terminal: Terminal = {
  write: (text) => void process.stdout.write(text),
  ask: async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stdout });
    try {
      // Input that ends without a line is no answer.
      const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
      return await Promise.race([lines.question(question), ended]);
    } finally {
      lines.close();
    }
  },
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function compare(files: readonly string[], _options: unknown, command: Command): Promise<void> {
  const { parsePairs } = await import('./pair.ts');
  const { replay } = await import('./replay.ts');
  const pairs = [];
  for (const file of files) {
    try {
      pairs.push(...parsePairs(await readFile(file, 'utf8')));
    } catch (error) {
      command.error(`The recording ${file} cannot be used: ${messageOf(error)}`, { exitCode: 2 });
    }
  }
  let unexplained = 0;
  for (const { pair, differences, notCompared } of await replay(pairs)) {
    process.stdout.write(
      `${pair.request.method} ${pair.request.path}${pair.title === undefined ? '' : ` (${pair.title})`}\n`,
    );
    if (notCompared !== undefined) process.stdout.write(`  not compared: ${notCompared}\n`);
    for (const { text, reason } of differences) {
      if (reason === undefined) unexplained += 1;
      process.stdout.write(`  ${text}${reason === undefined ? '' : ` (known: ${reason})`}\n`);
    }
  }
  process.stdout.write(`${pairs.length} pairs, ${unexplained} unexplained differences.\n`);
  if (unexplained > 0) process.exitCode = 1;
}
