import { hash } from 'node:crypto';

/*
 * The form in which a stored record is hashed (docs/audit.md): the JSON of RFC 8785 over both keys and all columns. A
 * record is flat, and JSON.stringify writes its strings, numbers and booleans as RFC 8785 demands, so only the order of the
 * names is left: by UTF-16 code units, which is the order of `sort`.
 */

/** A stored record with the names of storage: `PartitionKey`, `RowKey` and its columns. */
export type StoredRecord = Readonly<Record<string, unknown>> & {
  readonly PartitionKey: string;
  readonly RowKey: string;
};

/** The canonical JSON of a record. Columns that are undefined do not exist in storage, so they are left out. */
export const canonicalText = (record: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(record, Object.keys(record).toSorted());

/** SHA-256 in base64url, 43 characters. @param text canonical. */
export const hashOf = (text: string): string => hash('sha256', text, 'base64url');

/** What storage adds to each record. It changes without the record. */
const ofStorage = /^(?:etag|timestamp|odata\..*)$/i;

/** The record of an entity as the SDK returns it. */
export function storedRecord(entity: Readonly<Record<string, unknown>>): StoredRecord {
  const record: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(entity))
    if (name !== 'partitionKey' && name !== 'rowKey' && !ofStorage.test(name)) record[name] = columnOf(value);
  return { ...record, PartitionKey: String(entity['partitionKey']), RowKey: String(entity['rowKey']) };
}

/**
 * The broker writes text, numbers and booleans. Whatever else somebody puts into a column becomes text that names its type,
 * so that it can be hashed and exported, and equals no value of the broker.
 */
function columnOf(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null || value === undefined) return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : `Edm.Double:${value}`;
  if (typeof value === 'bigint') return `Edm.Int64:${value}`;
  if (value instanceof Uint8Array) return `Edm.Binary:${Buffer.from(value).toString('base64')}`;
  // Also an invalid date, which has no ISO form.
  if (value instanceof Date) return `Edm.DateTime:${value.getTime()}`;
  return `other:${JSON.stringify(value)}`;
}
