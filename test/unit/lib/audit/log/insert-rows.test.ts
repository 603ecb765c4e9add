import type { PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';
import { AzureNamedKeyCredential, TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import { toRow } from '../../../../../src/lib/audit/log/audit-row.ts';
import { insertRows, loadTransport } from '../../../../../src/lib/audit/log/insert-rows.ts';
import { httpStatusOf } from '../../../../../src/lib/core/outbound.ts';
import { storageCodeOf } from '../../../../../src/lib/core/rows/table.ts';
import { auditStartMs, guid, issued } from '../../../../support/audit-entries.ts';

const entities = [1, 2, 3].map((number) => toRow(issued({ tokenId: guid(number), atMs: auditStartMs }), guid(number)));
const rows = entities.map(({ partitionKey, rowKey, ...columns }) =>
  JSON.stringify({ PartitionKey: partitionKey, RowKey: rowKey, ...columns }),
);

/** A table whose pipeline returns the given reply. */
function tableThatAnswers(
  status: number,
  body: string,
  url = 'https://account.table.core.windows.net',
): { table: TableClient; seen: PipelineRequest[] } {
  const table = new TableClient(url, 'Audit', new AzureNamedKeyCredential('account', 'a2V5'), {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
  });
  const seen: PipelineRequest[] = [];
  table.pipeline.addPolicy(
    {
      name: 'answer',
      sendRequest: async (request): Promise<PipelineResponse> => {
        seen.push(request);
        return { status, bodyAsText: body, headers: request.headers, request };
      },
    },
    { afterPhase: 'Sign' },
  );
  return { table, seen };
}

const insert = async (table: TableClient, signal = new AbortController().signal): Promise<void> =>
  insertRows({ table, transport: await loadTransport() }, rows, guid(9), signal);
const part = (line: string, text = ''): string =>
  `--changesetresponse_1\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 ${line}\r\n\r\n${text}\r\n`;
const noContent = part('204 No Content');

/** What matters of a request: not the boundaries, blank lines, capitals in names of headers, or spellings of one value. */
function comparable({ method, url, headers, body }: PipelineRequest) {
  const text = `${headers.get('content-type')}\r\n${String(body)}`
    .toLowerCase()
    .replaceAll(/(batch|changeset)_[0-9a-f-]{36}/g, '$1')
    .replaceAll(/(\r\n){2,}/g, '\r\n\r\n')
    .replaceAll('dataserviceversion: 3.0;', 'dataserviceversion: 3.0')
    .replaceAll('content-type: application/json;odata=nometadata', 'content-type: application/json');
  const named = ['accept', 'x-ms-version', 'dataserviceversion', 'maxdataserviceversion'];
  return { method, url, text: text.trimEnd(), headers: named.map((name) => [name, headers.get(name)]) };
}

describe('insertRows', () => {
  it('resolves when the reply has a success status for every row', async () => {
    const { table, seen } = tableThatAnswers(202, noContent.repeat(3));
    await insert(table);
    const [request] = seen;
    expect(request?.url).toBe('https://account.table.core.windows.net/$batch');
    expect(
      String(request?.body).match(/^POST https:\/\/account\.table\.core\.windows\.net\/Audit HTTP/gm),
    ).toHaveLength(3);
    expect(request?.allowInsecureConnection).toBe(false);
  });

  it.each(['https://account.table.core.windows.net', 'https://account.table.core.windows.net/'])(
    'sends the request to %s that the SDK would build',
    async (url) => {
      const { table, seen } = tableThatAnswers(202, noContent.repeat(3), url);
      await insert(table);
      await table.submitTransaction(entities.map((row) => ['create', row]));
      const [ours, theirs] = seen.map(comparable);
      expect(ours).toEqual(theirs);
      expect(ours?.text).toContain('"tokenid":');
    },
  );

  it.each([
    ['http://127.0.0.1:10002/account', true],
    ['http://localhost:10002/account', true],
    ['https://account.table.core.windows.net', false],
    ['https://127.0.0.1.example.com', false],
  ])('to %s allows plain HTTP: %j', async (url, allowed) => {
    const { table, seen } = tableThatAnswers(202, noContent.repeat(3), url);
    await insert(table);
    expect(seen[0]).toMatchObject({ url: `${url}/$batch`, allowInsecureConnection: allowed });
  });

  it('sends a request that the pipeline of the SDK signs', async () => {
    const { table, seen } = tableThatAnswers(202, noContent.repeat(3));
    await insert(table);
    expect(seen[0]?.headers.get('authorization')).toMatch(/^SharedKeyLite account:/);
  });

  it('aborts the request at the deadline', async () => {
    const { table, seen } = tableThatAnswers(202, noContent.repeat(3));
    const deadline = new AbortController();
    await insert(table, deadline.signal);
    expect(seen[0]?.abortSignal?.aborted).toBe(false);
    deadline.abort();
    expect(seen[0]?.abortSignal?.aborted).toBe(true);
  });

  it('keeps a shared access signature out of the parts of the request', async () => {
    const { table, seen } = tableThatAnswers(
      202,
      noContent.repeat(3),
      'https://account.table.core.windows.net/?sig=abc',
    );
    await insert(table);
    expect(seen[0]?.url).toBe('https://account.table.core.windows.net/$batch?sig=abc');
    expect(String(seen[0]?.body)).not.toContain('sig=abc');
  });

  it.each([
    ['half a reply', 202, noContent.repeat(2)],
    ['an empty reply', 202, ''],
  ])('throws a refusal without a code or status for %s', async (_, status, body) => {
    const thrown = await insert(tableThatAnswers(status, body).table).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(Error);
    expect({ code: storageCodeOf(thrown), status: httpStatusOf(thrown) }).toEqual({
      code: undefined,
      status: undefined,
    });
  });

  it.each([
    ['EntityAlreadyExists', 409, 202, part('409 Conflict', '{"odata.error":{"code":"EntityAlreadyExists"}}')],
    ['TableNotFound', 404, 202, part('404 Not Found', '{"odata.error":{"code":"TableNotFound"}}')],
    ['AuthenticationFailed', 403, 403, '{"odata.error":{"code":"AuthenticationFailed"}}'],
    ['InvalidInput', 300, 202, part('300 Odd', '{"odata.error":{"code" : "InvalidInput"}}')],
    ['ServerBusy', 503, 503, '<?xml version="1.0"?><error><code>ServerBusy</code></error>'],
    [undefined, 500, 500, '<html>no code</html>'],
  ])('throws a refusal with the code %s and the status %i', async (code, refused, status, body) => {
    const thrown = await insert(tableThatAnswers(status, body).table).catch((error: unknown) => error);
    expect({ code: storageCodeOf(thrown), status: httpStatusOf(thrown) }).toEqual({ code, status: refused });
  });
});
