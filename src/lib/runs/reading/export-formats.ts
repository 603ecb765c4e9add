export const exportFormats = ['json', 'jsonl', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Largest `limit` of `GET /api/runs/{runId}/results`. Clients that want all rows send it. */
export const maxPageRows = 50_000;

export const exportContentTypes: Readonly<Record<ExportFormat, string>> = {
  json: 'application/json',
  jsonl: 'application/jsonl',
  csv: 'text/csv; charset=utf-8',
};

/** The order of the rows in pages. */
export const rowOrders = ['plan', 'arrival'] as const;
