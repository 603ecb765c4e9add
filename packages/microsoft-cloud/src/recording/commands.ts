import { open, readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';

/** Adds `record` and `compare`. Their modules are loaded when they run. */
export function addRecordingCommands(program: Command): void {
  // Otherwise the options of the cloud would take those of the same name.
  program.enablePositionalOptions();
  program
    .command('record')
    .description(
      'Pass requests on to Microsoft Graph of a real tenant, and save each with its reply, without tokens, ids, names and domains.',
    )
    .requiredOption('--output <file>', 'new file that gets a line for each request')
    .option('--port <number>', 'port to listen on (0: a free port)', portNumber, 0)
    .action(record);
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

function portNumber(text: string): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}

async function record(
  { output, port }: { readonly output: string; readonly port: number },
  command: Command,
): Promise<void> {
  const { startRecorder } = await import('./recorder.ts');
  try {
    await (await open(output, 'wx')).close();
  } catch (error) {
    command.error(`The file ${output} cannot be created: ${messageOf(error)}`, { exitCode: 2 });
  }
  const report = (line: string): void => void process.stderr.write(`${line}\n`);
  const recorder = await startRecorder({ upstream: 'https://graph.microsoft.com', file: output, fetch, port, report });
  process.stdout.write(
    `Use ${recorder.address} in place of https://graph.microsoft.com. Read ${output} before you share it. Stop with Ctrl-C.\n`,
  );
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await recorder.close();
}

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
  for (const { pair, differences } of await replay(pairs)) {
    process.stdout.write(
      `${pair.request.method} ${pair.request.path}${pair.title === undefined ? '' : ` (${pair.title})`}\n`,
    );
    for (const { text, reason } of differences) {
      if (reason === undefined) unexplained += 1;
      process.stdout.write(`  ${text}${reason === undefined ? '' : ` (known: ${reason})`}\n`);
    }
  }
  process.stdout.write(`${pairs.length} pairs, ${unexplained} unexplained differences.\n`);
  if (unexplained > 0) process.exitCode = 1;
}
