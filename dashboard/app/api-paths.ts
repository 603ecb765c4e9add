/** `arrival`: as the tenants of a run in progress finish. */
export type RowOrder = 'plan' | 'arrival';

/** Rows of a page for the table. The API ends a page earlier if its rows take more than 1 MiB. */
const pageRows = 5_000;

export const pathOfRun = (runId: string): string => `runs/${encodeURIComponent(runId)}`;

export const pathOfJob = (name: string): string => `jobs/${encodeURIComponent(name)}`;

export const pathOfTenant = (tenantId: string): string => `tenants/${encodeURIComponent(tenantId)}`;

export const pathOfApproval = (approvalId: string): string => `approvals/${encodeURIComponent(approvalId)}`;

export const pathOfRows = (runId: string, continuation: string | undefined, order: RowOrder = 'plan'): string =>
  withQuery(`${pathOfRun(runId)}/results`, {
    limit: String(pageRows),
    order: order === 'plan' ? undefined : order,
    continuation,
  });

/** Parameters of a query. Undefined ones are left out. */
export type Query = Readonly<Record<string, string | undefined>>;

export const withQuery = (path: string, query: Query): string =>
  `${path}?${new URLSearchParams(Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))).toString()}`;

/** Lists of a query, with commas between the entries of each. Empty lists are left out. */
export const listQuery = (lists: Readonly<Record<string, readonly string[]>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(lists).flatMap(([name, entries]) => (entries.length === 0 ? [] : [[name, entries.join(',')]])),
  );
