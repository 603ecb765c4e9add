import type { PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';
import type { TableClient } from '@azure/data-tables';
import type { AuditRow } from '../../src/lib/audit/log/audit-row.ts';

type Row = AuditRow & Readonly<Record<string, unknown>>;
interface Address {
  readonly partitionKey: string;
  readonly rowKey: string;
}

const keyOf = ({ partitionKey, rowKey }: Address): string => `${partitionKey} ${rowKey}`;
const refusal = (statusCode: number, code: string): object => ({ statusCode, code, details: { errorCode: code } });

/**
 * Azure Table storage in memory, as far as the audit log uses it: transactions of one partition and at most 100 rows,
 * filters with `and` and `or`, pages in the order of the keys. test/support/audit-log-contract.ts runs against it and
 * against Azurite. It refuses what it does not understand.
 */
export class MemoryTable {
  readonly url = 'https://account.table.core.windows.net';
  readonly tableName = 'Audit';
  readonly rows = new Map<string, Row>();
  /** Number of rows in each transaction that inserted some. */
  readonly inserts: number[] = [];

  #created = false;

  readonly pipeline = {
    sendRequest: async (_client: unknown, request: PipelineRequest): Promise<PipelineResponse> => {
      const inserted = parseTransaction(request, `${this.url}/${this.tableName}`);
      const answer = this.#insert(inserted);
      const parts = answer.map((line) => `--changesetresponse_1\r\n\r\nHTTP/1.1 ${line}\r\n\r\n`);
      return { status: 202, bodyAsText: parts.join(''), headers: request.headers, request };
    },
  };

  async createTable(): Promise<void> {
    this.#created = true;
  }

  listEntities({ queryOptions }: { queryOptions: { filter: string; select?: readonly string[] } }) {
    const wanted = parseFilter(queryOptions.filter);
    const found = (): Row[] => {
      if (!this.#created) throw refusal(404, 'TableNotFound');
      return [...this.rows.values()].filter(wanted).toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    };
    return {
      byPage: async function* ({
        maxPageSize,
        continuationToken,
      }: {
        maxPageSize: number;
        continuationToken?: string;
      }) {
        if (maxPageSize > 1000) throw refusal(400, 'InvalidInput');
        for (let from = startOf(continuationToken); ; ) {
          const rest = found().filter((row) => keyOf(row) >= from);
          const next = rest[maxPageSize];
          from = next === undefined ? '' : keyOf(next);
          const page = { continuationToken: next === undefined ? undefined : tokenOf(next) };
          yield Object.assign(rest.slice(0, maxPageSize), page);
          if (next === undefined) return;
        }
      },
    };
  }

  async submitTransaction(actions: readonly (readonly [string, Address])[]): Promise<void> {
    checkTransaction(actions.map(([, row]) => row));
    if (actions.some(([kind]) => kind !== 'delete')) throw refusal(400, 'InvalidInput');
    if (actions.some(([, row]) => !this.rows.has(keyOf(row)))) throw refusal(404, 'ResourceNotFound');
    for (const [, row] of actions) this.rows.delete(keyOf(row));
  }

  get asTable(): TableClient {
    return this as unknown as TableClient;
  }

  /** @returns the status line and body of each part of the answer. */
  #insert(rows: readonly Row[]): string[] {
    const refused = (status: string, code: string): string[] => [`${status}\r\n\r\n{"odata.error":{"code":"${code}"}}`];
    if (!this.#created) return refused('404 Not Found', 'TableNotFound');
    checkTransaction(rows);
    if (rows.some((row) => this.rows.has(keyOf(row)))) return refused('409 Conflict', 'EntityAlreadyExists');
    for (const row of rows) this.rows.set(keyOf(row), row);
    this.inserts.push(rows.length);
    return rows.map(() => '204 No Content');
  }
}

function checkTransaction(rows: readonly Address[]): void {
  const partitions = new Set(rows.map(({ partitionKey }) => partitionKey));
  if (rows.length === 0 || rows.length > 100 || partitions.size > 1) throw refusal(400, 'InvalidInput');
}

const tokenOf = ({ partitionKey, rowKey }: Address): string =>
  Buffer.from(JSON.stringify({ nextPartitionKey: partitionKey, nextRowKey: rowKey })).toString('base64');

function startOf(token: string | undefined): string {
  if (token === undefined) return '';
  const next = JSON.parse(Buffer.from(token, 'base64').toString()) as Record<string, string>;
  return `${next['nextPartitionKey']} ${next['nextRowKey'] ?? ''}`;
}

/** The rows of a transaction that only inserts. @throws TypeError for another request. */
function parseTransaction({ method, url, headers, body }: PipelineRequest, tableUrl: string): Row[] {
  const id = /^multipart\/mixed; boundary=batch_(.+)$/.exec(headers.get('content-type') ?? '')?.[1] ?? '';
  const between = `--changeset_${id}`;
  const [head, ...parts] = String(body).split(between);
  const end = parts.pop();
  const isFramed =
    head === `--batch_${id}\r\nContent-Type: multipart/mixed; boundary=changeset_${id}\r\n\r\n` &&
    end === `--\r\n--batch_${id}--\r\n`;
  if (id === '' || method !== 'POST' || !url.endsWith('/$batch') || !isFramed) throw new TypeError(String(body));
  return parts.map((part) => {
    const [outer, inner = '', json = ''] = part.split('\r\n\r\n');
    const [line] = inner.split('\r\n');
    if (!outer?.includes('Content-Type: application/http') || line !== `POST ${tableUrl} HTTP/1.1`)
      throw new TypeError(part);
    const { PartitionKey, RowKey, ...columns } = JSON.parse(json) as Record<string, unknown>;
    return { ...columns, partitionKey: String(PartitionKey), rowKey: String(RowKey) };
  });
}

const comparisons: Readonly<Record<string, (one: string, other: string) => boolean>> = {
  eq: (one, other) => one === other,
  ge: (one, other) => one >= other,
  gt: (one, other) => one > other,
  le: (one, other) => one <= other,
  lt: (one, other) => one < other,
};

/** OData of the form `a eq 'x' and (b ge 'y' or c lt 'z')`. @throws TypeError for any other, as storage answers 400. */
function parseFilter(filter: string): (row: Row) => boolean {
  if (filter.split(/ and | or /).length > 15) throw refusal(400, 'InvalidInput');
  const all = filter.split(' and ').map((part) => {
    const group = /^\((.*)\)$/.exec(part)?.[1] ?? part;
    const any = group.split(' or ').map((text) => {
      const [, column = '', operator = '', value = ''] = /^(\w+) (\w\w) '([^']*)'$/.exec(text) ?? [];
      const compare = comparisons[operator];
      if (compare === undefined) throw new TypeError(`not understood: ${text}`);
      const name = column.replace(/^[PR]/, (letter) => letter.toLowerCase());
      return (row: Row): boolean => row[name] !== undefined && compare(String(row[name]), value);
    });
    return (row: Row): boolean => any.some((matches) => matches(row));
  });
  return (row) => all.every((matches) => matches(row));
}
