import { appendFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CloudRequest } from '../web/http.ts';
import { listen, readRequest } from '../web/listener.ts';
import { createScrubber, type Exchange, type Scrubber, Unsaved } from './scrub.ts';

interface RecorderOptions {
  /** Base address of the real service, without a trailing slash. */
  readonly upstream: string;
  /** File that gets a line for each pair. */
  readonly file: string;
  readonly fetch: typeof fetch;
  /** 0 selects a free port. */
  readonly port: number;
  /** Called for each request: the pair that was written, or the reason why none was. */
  readonly report: (line: string) => void;
}

interface Recorder {
  /** The address that a program uses in place of the real service. */
  readonly address: string;
  /** Gives up what the service has not answered. Nothing is written after it has ended. */
  close(): Promise<void>;
}

/** Headers of one connection, and those that fetch sets itself. */
const ofConnection: ReadonlySet<string> = new Set(
  'host connection keep-alive transfer-encoding content-length content-encoding accept-encoding upgrade expect'.split(
    ' ',
  ),
);

/** The longest reply that is recorded. Longer ones are handed on as they arrive. */
const maxReplyBytes = 16 * 1024 * 1024;

/**
 * Passes requests on to the real service, and writes each with its reply to a file. What it receives is in memory only and is
 * scrubbed before the file is touched, so no way of ending it leaves anything else on the disk. It listens on loopback only.
 * @throws Error with code `EADDRINUSE` for a port that is taken.
 */
export async function startRecorder(options: RecorderOptions): Promise<Recorder> {
  const scrubber = createScrubber({ services: [options.upstream] });
  let address = '';
  let written = Promise.resolve();
  // One after the other: long lines that are written at the same time would mix.
  const save = (exchange: Exchange): Promise<void> => {
    written = written.then(() => append(scrubber, exchange, options));
    return written;
  };
  const ending = new AbortController();
  const running = new Set<Promise<void>>();
  const listener = await listen(
    (message, response) => {
      const passing = pass(message, response, { ...options, address, save, signal: ending.signal });
      running.add(passing);
      return passing.finally(() => running.delete(passing));
    },
    { port: options.port, host: '127.0.0.1' },
  );
  address = `http://127.0.0.1:${listener.port}`;
  return {
    address,
    close: async () => {
      ending.abort();
      await listener.close();
      await Promise.allSettled(running);
    },
  };
}

interface Passing extends RecorderOptions {
  readonly address: string;
  readonly save: (exchange: Exchange) => Promise<void>;
  /** Aborted when the recorder is closed. */
  readonly signal: AbortSignal;
}

async function pass(message: IncomingMessage, response: ServerResponse, passing: Passing): Promise<void> {
  const { upstream, report, signal } = passing;
  const target = message.url ?? '/';
  const refuse = (status: number, reason: string): void => {
    report(`Not saved: ${reason}.`);
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify({ error: `The recorder did not pass the request on: ${reason}.` }));
  };
  let request: CloudRequest;
  try {
    request = await readRequest(message);
  } catch (error) {
    return error instanceof RangeError ? refuse(413, 'its body is above 4 MiB') : refuse(400, 'its body ends early');
  }
  const requestHeaders = textsOf(request.headers);
  let reply: Response;
  try {
    reply = await passing.fetch(`${upstream}${target}`, {
      method: request.method,
      headers: passed(requestHeaders),
      ...(request.body === '' ? {} : { body: request.body }),
      redirect: 'manual',
      signal,
    });
  } catch {
    return refuse(502, signal.aborted ? 'the recorder was closed' : 'the service cannot be reached');
  }
  const responseHeaders = Object.fromEntries(reply.headers);
  const bytes = await readReply(reply, response, { report, headers: passed(responseHeaders) });
  if (bytes === undefined) return;
  const responseBody = bytes.toString('utf8');
  await passing.save({
    method: request.method,
    target,
    requestHeaders,
    requestBody: request.body,
    status: reply.status,
    responseHeaders,
    responseBody,
  });
  response.writeHead(reply.status, passed(responseHeaders));
  // Links lead back to the recorder, so that the next page is recorded too.
  const isJson = (responseHeaders['content-type'] ?? '').includes('json');
  response.end(isJson ? responseBody.replaceAll(`${upstream}/`, `${passing.address}/`) : bytes);
}

interface Handing {
  readonly report: (line: string) => void;
  readonly headers: Record<string, string>;
}

/** Reads the body. Undefined, and the client has its reply, for one that is cut or too long to be recorded. */
async function readReply(
  reply: Response,
  response: ServerResponse,
  { report, headers }: Handing,
): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of (reply.body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (response.headersSent) await write(response, chunk);
      else chunks.push(chunk);
      if (size <= maxReplyBytes || response.headersSent) continue;
      report(`Not saved: the reply is above ${maxReplyBytes / 1024 / 1024} MiB.`);
      response.writeHead(reply.status, headers);
      for (const each of chunks.splice(0)) await write(response, each);
    }
  } catch {
    if (!response.headersSent) report('Not saved: the reply was cut.');
    // The program sees what it would have seen without the recorder.
    response.destroy();
    return undefined;
  }
  if (!response.headersSent) return Buffer.concat(chunks);
  response.end();
  return undefined;
}

/** Waits for a slow client. @throws Error if the client has gone. */
const write = (response: ServerResponse, chunk: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    response.write(chunk, (error) => (error == null ? resolve() : reject(error)));
  });

/** A pair that cannot be saved never stops the program that is recorded. */
async function append(scrubber: Scrubber, exchange: Exchange, { file, report }: RecorderOptions): Promise<void> {
  try {
    const pair = scrubber.scrub(exchange);
    await appendFile(file, `${JSON.stringify(pair)}\n`);
    report(`${pair.request.method} ${pair.request.path} ${pair.response.status}`);
  } catch (error) {
    report(`Not saved: ${reasonOf(error)}.`);
  }
}

/** Other messages may quote what was received. */
function reasonOf(error: unknown): string {
  if (error instanceof Unsaved) return error.message;
  const isOfSystem = error instanceof Error && 'syscall' in error;
  return isOfSystem ? error.message : 'the exchange cannot be read';
}

const textsOf = (headers: IncomingMessage['headers']): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]));

const passed = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.has(name)));
