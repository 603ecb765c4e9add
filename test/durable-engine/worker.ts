/**
 * Runs an app for the .NET process that hosts the durable extension: `worker.ts APP`. Requests and answers are lines of
 * JSON on standard input and output (host/Worker.cs). Ends with its parent.
 */
import { createInterface } from 'node:readline';
import { lineLog, startWorker, resultJson } from 'functions-host/testing';

interface Request {
  /** The value of the durable client bindings: serve HTTP from now on. */
  readonly client?: string;
  readonly id: number;
  readonly function: string;
  readonly input?: string | null;
  readonly instanceId?: string | null;
}

const answer = process.stdout.write.bind(process.stdout);
const send = (line: object): void => void answer(`${JSON.stringify(line)}\n`);
// What the app prints must not be taken for an answer.
process.stdout.write = process.stderr.write.bind(process.stderr);

const worker = await startWorker(
  process.argv[2] ?? '.',
  lineLog((line) => process.stderr.write(line)),
);
createInterface({ input: process.stdin })
  .on('line', (line) => void handle(JSON.parse(line) as Request))
  .on('close', () => process.exit(0));
send({
  url: worker.url,
  functions: worker.functions.filter(({ kind }) => /^(orchestration|activity)Trigger$/.test(kind)),
});

async function handle({ client, id, function: name, input, instanceId }: Request): Promise<void> {
  if (client !== undefined) return worker.serve(client);
  const outcome = await worker.invoke(name, input ?? undefined, instanceId ?? undefined);
  send(
    outcome.ok
      ? { id, result: resultJson(outcome.response.returnValue) }
      : { id, error: outcome.error.message, stack: outcome.error.stack },
  );
}
