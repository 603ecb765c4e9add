import type { TableClient } from '@azure/data-tables';

/** What the audit log uses of a table; the SDK's client is one. */
export type AuditTable = Pick<
  TableClient,
  'submitTransaction' | 'createTable' | 'listEntities' | 'pipeline' | 'url' | 'tableName'
>;

/** Entities of one transaction ("Performing entity group transactions", Azure Table storage). */
export const maxTransaction = 100;

/** What storage said: its error code (`EntityAlreadyExists`), and the HTTP status where a reply came at all. */
export interface StorageRefusal {
  readonly code: string | undefined;
  readonly status: number | undefined;
}

/** Reads the SDK's error by its fields: its class would have to be loaded before it is ever needed. */
export function refusalOf(error: unknown): StorageRefusal {
  if (typeof error !== 'object' || error === null) return { code: undefined, status: undefined };
  const status: unknown = Reflect.get(error, 'statusCode');
  const details: unknown = Reflect.get(error, 'details');
  // A transaction has its code in front, a single request among the headers that it keeps as details.
  const code: unknown =
    typeof details === 'object' && details !== null && 'errorCode' in details
      ? details.errorCode
      : Reflect.get(error, 'code');
  return {
    code: typeof code === 'string' ? code : undefined,
    status: typeof status === 'number' ? status : undefined,
  };
}
