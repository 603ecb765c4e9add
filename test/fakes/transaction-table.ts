import type { TableClient } from '@azure/data-tables';

interface Key {
  readonly partitionKey: string;
  readonly rowKey: string;
}
type Entity = Readonly<Record<string, unknown>> & Key;
type Row = Entity & { readonly etag: string };
type Action = readonly [kind: string, row: Entity, mode?: string, options?: { readonly etag?: string }];

const refusal = (statusCode: number, code: string): Error =>
  Object.assign(new Error(code), { statusCode, details: { odataError: { code } } });

const nameOf = ({ partitionKey, rowKey }: Key): string => `${partitionKey}/${rowKey}`;

const kinds: ReadonlySet<string> = new Set(['create', 'update', 'upsert', 'delete']);

/** Only these properties. As in Azure, one that the row lacks is null. */
const selected = (row: Row, names: readonly string[]): Row =>
  Object.fromEntries([...names, 'etag'].map((name) => [name, row[name] ?? null])) as Row;

/** By partition first: `a` comes before `a-b`. */
const isBefore = (a: Key, b: Key): boolean =>
  a.partitionKey === b.partitionKey ? a.rowKey < b.rowKey : a.partitionKey < b.partitionKey;

/**
 * One table of Azure Table storage in memory with transactions: all rows of one partition, at most 100, each once, and all of
 * them or none. Filters with `and`. test/contract/tenant-events.test.ts and result-history.test.ts run the same against
 * Azurite. It refuses what it does not understand.
 */
export class TransactionTable {
  rows = new Map<string, Row>();
  #versions = 0;
  #created = false;

  createTable = async (): Promise<void> => {
    this.#created = true;
  };

  getEntity = async (partitionKey: string, rowKey: string): Promise<Row> => {
    this.#mustExist();
    const row = this.rows.get(nameOf({ partitionKey, rowKey }));
    if (row === undefined) throw refusal(404, 'ResourceNotFound');
    return row;
  };

  upsertEntity = async (row: Entity): Promise<void> => {
    this.#mustExist();
    this.#put(row);
  };

  updateEntity = async (
    row: Entity,
    _mode: 'Replace',
    options: { readonly etag?: string },
  ): Promise<{ etag: string }> => {
    this.#change(row, options);
    return { etag: this.#put(row) };
  };

  deleteEntity = async (
    partitionKey: string,
    rowKey: string,
    options: { readonly etag?: string } = {},
  ): Promise<void> => {
    this.#change({ partitionKey, rowKey }, options);
    this.rows.delete(nameOf({ partitionKey, rowKey }));
  };

  submitTransaction = async (actions: readonly Action[]): Promise<void> => {
    this.#mustExist();
    const names = new Set(actions.map(([, row]) => nameOf(row)));
    const partitions = new Set(actions.map(([, { partitionKey }]) => partitionKey));
    if (actions.length === 0 || actions.length > 100 || names.size < actions.length || partitions.size > 1)
      throw refusal(400, 'InvalidInput');
    for (const [kind, row, mode, options] of actions) {
      if (!kinds.has(kind) || ((kind === 'update' || kind === 'upsert') && mode !== 'Replace'))
        throw new TypeError(`not understood: ${kind}, ${mode}`);
      const found = this.rows.get(nameOf(row));
      if (kind === 'create' && found !== undefined) throw refusal(409, 'EntityAlreadyExists');
      if ((kind === 'update' || kind === 'delete') && found === undefined) throw refusal(404, 'ResourceNotFound');
      // As in the library, a transaction deletes a row whatever its version.
      if (kind !== 'delete' && options?.etag !== undefined && options.etag !== found?.etag)
        throw refusal(412, 'UpdateConditionNotSatisfied');
    }
    for (const [kind, row] of actions) {
      if (kind === 'delete') this.rows.delete(nameOf(row));
      else this.#put(row);
    }
  };

  listEntities = ({ queryOptions }: { queryOptions: { filter: string; select?: readonly string[] } }) => {
    const { filter, select } = queryOptions;
    const wanted = parseFilter(filter);
    const found = (): Row[] => {
      this.#mustExist();
      const rows = [...this.rows.values()].filter(wanted).toSorted((a, b) => (isBefore(a, b) ? -1 : 1));
      return select === undefined ? rows : rows.map((row) => selected(row, select));
    };
    return {
      async *[Symbol.asyncIterator]() {
        yield* found();
      },
      async *byPage({ maxPageSize }: { readonly maxPageSize: number }) {
        if (maxPageSize > 1000) throw refusal(400, 'InvalidInput');
        const rows = found();
        for (let first = 0; first === 0 || first < rows.length; first += maxPageSize) {
          const continuationToken = first + maxPageSize < rows.length ? 'more' : undefined;
          yield Object.assign(rows.slice(first, first + maxPageSize), { continuationToken });
        }
      },
    };
  };

  get client(): TableClient {
    return this as unknown as TableClient;
  }

  /** A copy of all rows, to be restored later. */
  copy(): ReadonlyMap<string, Row> {
    return new Map(this.rows);
  }

  /** Rows that are written back get new versions. */
  restore(rows: ReadonlyMap<string, Row>): void {
    this.rows = new Map();
    for (const row of rows.values()) this.#put(row);
  }

  #change(key: Key, { etag }: { readonly etag?: string }): void {
    this.#mustExist();
    const found = this.rows.get(nameOf(key));
    if (found === undefined) throw refusal(404, 'ResourceNotFound');
    if (etag !== undefined && etag !== found.etag) throw refusal(412, 'UpdateConditionNotSatisfied');
  }

  #put(row: Entity): string {
    this.#versions += 1;
    const etag = `v${this.#versions}`;
    this.rows.set(nameOf(row), { ...row, etag });
    return etag;
  }

  #mustExist(): void {
    if (!this.#created) throw refusal(404, 'TableNotFound');
  }
}

type Value = string | number;
const comparisons: Readonly<Record<string, (one: Value, other: Value) => boolean>> = {
  eq: (one, other) => one === other,
  ge: (one, other) => one >= other,
  gt: (one, other) => one > other,
  lt: (one, other) => one < other,
};

/** @throws TypeError for what it does not understand, as storage answers 400. */
function parseFilter(filter: string): (row: Row) => boolean {
  const parts = filter.split(' and ').map((text) => {
    const [, column = '', operator = '', quoted, number] = /^(\w+) (\w\w) (?:'([^']*)'|(\d+))$/.exec(text) ?? [];
    const compare = comparisons[operator];
    const wanted = quoted ?? Number(number);
    if (compare === undefined) throw new TypeError(`not understood: ${text}`);
    const name = column.replace(/^[PR]/, (letter) => letter.toLowerCase());
    return (row: Row): boolean => {
      const value = row[name];
      return typeof value === typeof wanted && compare(value as Value, wanted);
    };
  });
  return (row) => parts.every((matches) => matches(row));
}
