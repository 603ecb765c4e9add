import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { HttpClient, PipelineRequest, PipelineRequestOptions, PipelineResponse } from '@azure/core-rest-pipeline';
import type { TableClient } from '@azure/data-tables';
import type { Dispatcher } from 'undici';
import { backOffMs, type Clock, retry, withDeadline } from '../../core/clock.ts';
import { collectAnswer } from '../../core/collect-answer.ts';
import { httpStatusOf } from '../../core/outbound.ts';
import { storageCodeOf } from '../../core/rows/table.ts';

/** Maximum entities per transaction ("Performing entity group transactions", Azure Table storage). */
export const maxTransaction = 100;

// Builds the transaction that inserts rows ("Performing entity group transactions"). The SDK builds the same text by
// sending each row through a separate request pipeline, which takes three times the processor time, and every token
// waits for this write. The SDK still signs, sends and retries the request.

const lineEnd = '\r\n';

/** Storage refused the transaction and stored none of its rows. */
class InsertRefusal extends Error {
  override readonly name = 'InsertRefusal';
  readonly code: string | undefined;
  readonly statusCode: number | undefined;
  constructor(statusCode: number | undefined, code: string | undefined) {
    super(`the transaction was refused: ${statusCode ?? 'no status'} ${code ?? ''}`.trimEnd());
    this.statusCode = statusCode;
    this.code = code;
  }
}

/** Sends transactions. Created once, because its client holds the connections. */
export interface Transport {
  readonly client: HttpClient;
  createRequest(
    options: PipelineRequestOptions & { readonly body: string; readonly abortSignal: AbortSignal },
    headers: Record<string, string>,
  ): PipelineRequest;
}

/** Connections to the account. A transaction is short, and the log writes few at a time. */
const maximumConnections = 50;
/** How long a connection stays open without use: a new one takes several round trips, for which a token would wait. */
const idleMs = 60_000;

/** Loads the libraries at first use, to keep start-up short. */
export async function loadTransport(): Promise<Transport> {
  const [{ default: Agent }, sdk] = await Promise.all([
    import('undici/lib/dispatcher/agent.js'),
    import('@azure/core-rest-pipeline'),
  ]);
  const connections = new Agent({
    connections: maximumConnections,
    keepAliveTimeout: idleMs,
    // The deadline of an attempt ends it earlier.
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  });
  const standard = sdk.createDefaultHttpClient();
  return {
    // The SDK's client creates several streams for each request, which costs more than the rest of a write. It sends what
    // passes through a proxy: the SDK's policy has given such a request an agent of Node.
    client: {
      sendRequest: (request) =>
        request.agent === undefined ? exchange(connections, sdk, request) : standard.sendRequest(request),
    },
    createRequest: (options, headers) =>
      sdk.createPipelineRequest({ ...options, headers: sdk.createHttpHeaders(headers) }),
  };
}

const unzip = promisify(zlib.unzip);

/** @throws RestError, which the SDK's policies know, with the code of the failed connection; the reason of the signal. */
async function exchange(
  connections: Dispatcher,
  { createHttpHeaders, RestError }: typeof import('@azure/core-rest-pipeline'),
  request: PipelineRequest,
): Promise<PipelineResponse> {
  const { origin, protocol, pathname, search } = new URL(request.url);
  if (protocol !== 'https:' && !request.allowInsecureConnection)
    throw new Error(`${origin} needs https: only the emulator is reached without`);
  const signal = request.abortSignal as AbortSignal;
  try {
    const { status, headers, body } = await collectAnswer(
      connections,
      {
        origin,
        path: `${pathname}${search}`,
        method: request.method,
        headers: request.headers.toJSON({ preserveCase: true }),
        body: request.body as string,
      },
      { signal, large: () => Promise.resolve() },
    );
    const received = createHttpHeaders(
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    );
    const bytes = received.has('content-encoding') ? await unzip(body) : body;
    return { request, status, headers: received, bodyAsText: bytes.toString('utf8') };
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    const { message, code = RestError.REQUEST_SEND_ERROR } = thrown as NodeJS.ErrnoException;
    // undici has its own code for a connection that ended early. The SDK repeats a request after the code of Node only.
    throw new RestError(message, { code: code === 'UND_ERR_SOCKET' ? 'ECONNRESET' : code, request });
  }
}

/**
 * Inserts up to 100 rows of one partition atomically.
 * @param rows the JSON of each, with both keys.
 * @param id a new UUID, used in the boundaries of the multipart request.
 * @throws InsertRefusal, or the pipeline's error if no reply arrived.
 */
export async function insertRows(
  { table, transport }: { readonly table: TableClient; readonly transport: Transport },
  rows: readonly string[],
  id: string,
  abortSignal: AbortSignal,
): Promise<void> {
  const url = new URL(table.url);
  const request = transport.createRequest(
    {
      url: below(url, '$batch'),
      method: 'POST',
      body: insertBody(entityUrl(url, table.tableName), rows, id),
      // Plain HTTP is only for the emulator on this machine.
      allowInsecureConnection: url.hostname === '127.0.0.1' || url.hostname === 'localhost',
      abortSignal,
    },
    {
      accept: 'application/json',
      'x-ms-version': '2019-02-02',
      DataServiceVersion: '3.0;',
      MaxDataServiceVersion: '3.0;NetFx',
      'Content-Type': `multipart/mixed; boundary=batch_${id}`,
    },
  );
  const reply = await table.pipeline.sendRequest(transport.client, request);
  judge(reply.status, reply.bodyAsText ?? '', rows.length);
}

/** A path below the account's address. Keeps the query, which may be a shared access signature. */
function below(account: URL, path: string): string {
  const url = new URL(account);
  url.pathname = `${account.pathname.replace(/\/$/, '')}/${path}`;
  return url.href;
}

/** The address inside the transaction, without the query: storage authorises the whole request, not its parts. */
const entityUrl = (account: URL, tableName: string): string => {
  const url = new URL(below(account, tableName));
  url.search = '';
  return url.href;
};

function insertBody(url: string, rows: readonly string[], id: string): string {
  const partHead = [
    `--changeset_${id}`,
    'Content-Type: application/http',
    'Content-Transfer-Encoding: binary',
    '',
    `POST ${url} HTTP/1.1`,
    'Content-Type: application/json',
    'Accept: application/json;odata=minimalmetadata',
    'DataServiceVersion: 3.0;',
    'Prefer: return-no-content',
    '',
    '',
  ].join(lineEnd);
  const head = [`--batch_${id}`, `Content-Type: multipart/mixed; boundary=changeset_${id}`, '', ''].join(lineEnd);
  const parts = rows.map((row) => `${partHead}${row}${lineEnd}`);
  return `${head}${parts.join('')}--changeset_${id}--${lineEnd}--batch_${id}--${lineEnd}`;
}

/**
 * Succeeds only if the reply has a success status for every row. A truncated reply is a failure.
 * @throws InsertRefusal
 */
function judge(status: number, body: string, rows: number): void {
  const statuses = [...body.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, text]) => Number(text));
  const refused = status === 202 ? statuses.find((one) => one >= 300) : status;
  const code = /"code"\s*:\s*"(\w+)"/.exec(body)?.[1] ?? /<code>(\w+)/i.exec(body)?.[1];
  if (refused !== undefined) throw new InsertRefusal(refused, code);
  if (statuses.length !== rows) throw new InsertRefusal(undefined, undefined);
}

/** Timeout of one attempt, so that a lost packet costs one attempt and not the record. */
const attemptMs = 1_000;
const attempts = 4;
const firstPauseMs = 50;

interface WriteRowsDeps {
  readonly table: TableClient;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly newId: () => string;
}

/**
 * Writes rows of one partition atomically and resolves once they are durable. The refusal `EntityAlreadyExists` counts as
 * success: a row key is never reused, so an earlier attempt (by this function or by the SDK) succeeded although its reply
 * was lost. The transaction is atomic, so all of its rows exist.
 * @throws the last error of {@link insertRows}.
 */
export async function writeRows(deps: WriteRowsDeps, rows: readonly string[], signal: AbortSignal): Promise<void> {
  const { clock, table, newId } = deps;
  await retry(
    async () => {
      try {
        await withDeadline(clock, attemptMs, (attemptSignal) => insertRows(deps, rows, newId(), attemptSignal), signal);
      } catch (error) {
        if (storageCodeOf(error) !== 'EntityAlreadyExists') throw error;
      }
    },
    {
      clock,
      attempts,
      afterError: async (error, attempt) => {
        const code = storageCodeOf(error);
        if (signal.aborted || !isTransient(code, httpStatusOf(error))) return undefined;
        if (code !== 'TableNotFound') return backOffMs(attempt, firstPauseMs, 4);
        await table.createTable({ abortSignal: signal });
        return 0;
      },
      signal,
    },
  );
}

const isTransient = (code: string | undefined, status: number | undefined): boolean =>
  code === 'TableNotFound' || status === undefined || status === 408 || status === 429 || status >= 500;
