import { openApiDocument } from '../../src/lib/api/openapi.ts';

/**
 * docs/openapi.json: the API of every deployment. The app's own document at `/api/openapi.json` has the parameters of its jobs,
 * too. Here they would change with each job that somebody adds.
 */
export async function openApiText(): Promise<string> {
  // Loads the app, so only when the document is asked for.
  const { routes } = await import('./declared-routes.ts');
  return `${JSON.stringify(await openApiDocument(routes.map(({ bodySchema: _bodySchema, ...route }) => route)), null, 2)}\n`;
}
