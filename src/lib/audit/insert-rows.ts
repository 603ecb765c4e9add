import type { HttpClient, PipelineRequest, PipelineRequestOptions } from '@azure/core-rest-pipeline';
import type { AuditRow } from './audit-row.ts';
import type { AuditTable } from './audit-table.ts';

/**
 * The transaction that inserts rows, written out here ("Performing entity group transactions"). The SDK makes the same
 * text by sending each row through a request pipeline of its own, which takes three times the processor time; every
 * token waits for this write. Signature, retries and connections are the SDK's.
 */

const lineEnd = '\r\n';

/** Storage has refused the transaction: none of its rows is there. Read by `refusalOf`. */
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

/** What sends a transaction; made once, for its client keeps the connections. */
export interface Transport {
  readonly client: HttpClient;
  createRequest(options: PipelineRequestOptions, headers: Record<string, string>): PipelineRequest;
}

/** Loaded at first use, as everything of the storage SDK is. */
export async function loadTransport(): Promise<Transport> {
  const { createDefaultHttpClient, createHttpHeaders, createPipelineRequest } = await import(
    '@azure/core-rest-pipeline'
  );
  return {
    client: createDefaultHttpClient(),
    createRequest: (options, headers) => createPipelineRequest({ ...options, headers: createHttpHeaders(headers) }),
  };
}

/**
 * Inserts rows of one partition, all or none; at most 100.
 * @param id a new UUID: separates the parts of the request.
 * @throws InsertRefusal, or the pipeline's own error when no reply came.
 */
export async function insertRows(
  { table, transport }: { readonly table: AuditTable; readonly transport: Transport },
  rows: readonly AuditRow[],
  id: string,
  abortSignal: AbortSignal,
): Promise<void> {
  const url = new URL(table.url);
  const request = transport.createRequest(
    {
      url: below(url, '$batch'),
      method: 'POST',
      body: insertBody(entityUrl(url, table.tableName), rows, id),
      // The emulator on this machine, and nothing else.
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

/** A path below the account's address, which may carry a shared access signature as its query. */
function below(account: URL, path: string): string {
  const url = new URL(account);
  url.pathname = `${account.pathname.replace(/\/$/, '')}/${path}`;
  return url.href;
}

/** The address inside the transaction: the whole request is authorised, not its parts. */
const entityUrl = (account: URL, tableName: string): string => {
  const url = new URL(below(account, tableName));
  url.search = '';
  return url.href;
};

function insertBody(url: string, rows: readonly AuditRow[], id: string): string {
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
  const parts = rows.map(
    ({ partitionKey, rowKey, ...columns }) =>
      `${partHead}${JSON.stringify({ PartitionKey: partitionKey, RowKey: rowKey, ...columns })}${lineEnd}`,
  );
  return `${head}${parts.join('')}--changeset_${id}--${lineEnd}--batch_${id}--${lineEnd}`;
}

/** Done only if every row has its own answer that says so: half a reply proves nothing. */
function judge(status: number, body: string, rows: number): void {
  const statuses = [...body.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, text]) => Number(text));
  const refused = status === 202 ? statuses.find((one) => one >= 300) : status;
  const code = /"code"\s*:\s*"(\w+)"/.exec(body)?.[1] ?? /<code>(\w+)/i.exec(body)?.[1];
  if (refused !== undefined) throw new InsertRefusal(refused, code);
  if (statuses.length !== rows) throw new InsertRefusal(undefined, undefined);
}
