import { openApiDocument } from '../../src/lib/api/openapi.ts';

/** docs/openapi.json: the API as the running app describes it at `/api/openapi.json`. */
export async function openApiText(): Promise<string> {
  // Loads the app, so only when the document is asked for.
  const { routes } = await import('./declared-routes.ts');
  return `${JSON.stringify(openApiDocument(routes), null, 2)}\n`;
}
