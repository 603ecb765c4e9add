import { expect, it } from 'vitest';
import licenceReport from '../../../src/jobs/licence-report.ts';
import { routes } from '../../../tools/docs/declared-routes.ts';

it('the example rows of the API match the columns of the job that they name', () => {
  const results = routes.find(({ name }) => name === 'runs-results');
  const contents = results?.answers.find(({ status }) => status === 200)?.contents ?? [];
  const example = contents.find(({ mediaType }) => mediaType === 'application/json')?.example;
  const [row] = (example as { readonly rows: readonly Readonly<Record<string, unknown>>[] }).rows;
  const columns = licenceReport.columns?.map(({ name }) => name);
  expect(Object.keys(row ?? {})).toEqual(['tenantId', 'tenantName', 'tenantDomain', ...(columns ?? [])]);
});
