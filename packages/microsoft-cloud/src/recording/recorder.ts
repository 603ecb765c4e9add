import { appendFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, readRequest } from '../web/listener.ts';
import { createScrubber, type Scrubber } from './scrub.ts';

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
  close(): Promise<void>;
}

/** Headers of one connection, and those that fetch sets itself. */
const ofConnection: ReadonlySet<string> = new Set(
  'host connection keep-alive transfer-encoding content-length content-encoding accept-encoding upgrade expect'.split(
    ' ',
  ),
);

/**
 * Passes requests on to the real service, and writes each with its reply to a file, scrubbed. It listens on loopback only.
 * @throws Error with code `EADDRINUSE` for a port that is taken.
 */
export async function startRecorder(options: RecorderOptions): Promise<Recorder> {
  const scrubber = createScrubber();
  let address = '';
  const listener = await listen((message, response) => pass(message, response, { ...options, address, scrubber }), {
    port: options.port,
    host: '127.0.0.1',
  });
  address = `http://127.0.0.1:${listener.port}`;
  return { address, close: () => listener.close() };
}

interface Passing extends RecorderOptions {
  readonly address: string;
  readonly scrubber: Scrubber;
}

async function pass(message: IncomingMessage, response: ServerResponse, passing: Passing): Promise<void> {
  const { upstream, address, report } = passing;
  const target = message.url ?? '/';
  const request = await readRequest(message);
  const requestHeaders = textsOf(request.headers);
  let reply: Response;
  try {
    reply = await passing.fetch(`${upstream}${target}`, {
      method: request.method,
      headers: passed(requestHeaders),
      ...(request.body === '' ? {} : { body: request.body }),
      redirect: 'manual',
    });
  } catch {
    report('Not saved: the service cannot be reached.');
    response.writeHead(502, { 'content-type': 'application/json' });
    response.end('{"error":"The recorder cannot reach the service."}');
    return;
  }
  const bytes = Buffer.from(await reply.arrayBuffer());
  const responseHeaders = Object.fromEntries(reply.headers);
  const responseBody = bytes.toString('utf8');
  await save(passing, {
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
  response.end(isJson ? responseBody.replaceAll(`${upstream}/`, `${address}/`) : bytes);
}

/** A pair that cannot be saved never stops the program that is recorded. */
async function save({ scrubber, file, report }: Passing, exchange: Parameters<Scrubber['scrub']>[0]): Promise<void> {
  try {
    const pair = scrubber.scrub(exchange);
    await appendFile(file, `${JSON.stringify(pair)}\n`);
    report(`${pair.request.method} ${pair.request.path} ${pair.response.status}`);
  } catch (error) {
    report(`Not saved: ${error instanceof Error ? error.message : 'unknown error'}`);
  }
}

const textsOf = (headers: IncomingMessage['headers']): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]));

const passed = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.has(name)));
