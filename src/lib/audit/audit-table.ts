import type { TableClient } from '@azure/data-tables';
import { httpStatusOf } from '../runtime/sdk-error.ts';

/** The part of the SDK's table client that the audit log uses. */
export type AuditTable = Pick<
  TableClient,
  'submitTransaction' | 'createTable' | 'listEntities' | 'pipeline' | 'url' | 'tableName'
>;

/** Entities of one transaction ("Performing entity group transactions", Azure Table storage). */
export const maxTransaction = 100;

/** The answer of storage: its error code (`EntityAlreadyExists`) and the HTTP status, if a reply came. */
export interface StorageRefusal {
  readonly code: string | undefined;
  readonly status: number | undefined;
}

/** Reads the SDK's error by its fields, so that its class need not be loaded. */
export function refusalOf(error: unknown): StorageRefusal {
  if (typeof error !== 'object' || error === null) return { code: undefined, status: undefined };
  const details: unknown = Reflect.get(error, 'details');
  // The error of a transaction has the code itself; that of a single request has it among the headers in `details`.
  const code: unknown =
    typeof details === 'object' && details !== null && 'errorCode' in details
      ? details.errorCode
      : Reflect.get(error, 'code');
  return {
    code: typeof code === 'string' ? code : undefined,
    status: httpStatusOf(error),
  };
}
