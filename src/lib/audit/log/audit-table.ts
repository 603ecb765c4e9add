import type { TableClient } from '@azure/data-tables';
import { httpStatusOf } from '../../core/sdk-error.ts';

/** The part of the SDK's table client that the audit log uses. */
export type AuditTable = Pick<
  TableClient,
  'submitTransaction' | 'createTable' | 'listEntities' | 'pipeline' | 'url' | 'tableName'
>;

/** Maximum entities per transaction ("Performing entity group transactions", Azure Table storage). */
export const maxTransaction = 100;

/** A refusal by storage: its error code (such as `EntityAlreadyExists`) and HTTP status, if a reply arrived. */
export interface StorageRefusal {
  readonly code: string | undefined;
  readonly status: number | undefined;
}

/** Reads the fields of an SDK error, so that the SDK's error class need not be loaded. */
export function refusalOf(error: unknown): StorageRefusal {
  if (typeof error !== 'object' || error === null) return { code: undefined, status: undefined };
  const details: unknown = Reflect.get(error, 'details');
  // A transaction's error has `code`. A single request's error has the code among the headers in `details`.
  const code: unknown =
    typeof details === 'object' && details !== null && 'errorCode' in details
      ? details.errorCode
      : Reflect.get(error, 'code');
  return {
    code: typeof code === 'string' ? code : undefined,
    status: httpStatusOf(error),
  };
}
