import { consistencyHeader } from '../../microsoft/graph.ts';
import { defineJob, type Job, type JobDefinition } from './job.ts';
import { objectRow, type Row, type RowValue, selectedFirst } from './row.ts';

/** The definition of a job that asks every tenant the same. */
export interface QueryJobDefinition
  extends Pick<
    JobDefinition,
    'name' | 'title' | 'description' | 'schedule' | 'permissions' | 'directoryRoles' | 'tenants' | 'except' | 'key'
  > {
  /** Path and query of a collection at Microsoft Graph, as `graph.list` takes them: `/users?$select=id,displayName`. */
  readonly path: string;
  /** Time limit per tenant, seconds. Default: 300. */
  readonly timeoutSeconds?: number;
}

/**
 * A job that returns the objects of one collection, from all pages, as rows: the properties of `$select` in its order, and
 * nested values as JSON. `ptb query --save` writes such jobs.
 * @throws TypeError as `defineJob` does.
 */
export function defineQueryJob({ path, timeoutSeconds = 300, ...definition }: QueryJobDefinition): Job {
  return defineJob({
    ...definition,
    resources: ['graph'],
    timeoutSeconds,
    async run({ graph }) {
      const rows: Row[] = [];
      for await (const item of graph.list(path, { headers: consistencyHeader(path) })) {
        const object = objectRow(item);
        const names = selectedFirst(path, Object.keys(object));
        rows.push(Object.fromEntries(names.map((name) => [name, flat(object[name])])));
      }
      return rows;
    },
  });
}

function flat(value: unknown): RowValue {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : JSON.stringify(value);
}
