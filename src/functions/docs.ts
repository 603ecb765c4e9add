import { app } from '@azure/functions';
import { type StaticFile, staticAnswer, staticFile } from '../lib/api/page-answer.ts';
import type { OpenHandler } from '../lib/api/pipeline.ts';
import { asset, page } from './page-files.ts';
import { open } from './pipeline.ts';

let document: Promise<StaticFile> | undefined;

/** Produced when it is first asked for, so that starting costs nothing: routes and examples lie in a chunk of their own. */
async function produceDocument(): Promise<StaticFile> {
  const [{ openApiDocument }, { routes }] = await Promise.all([
    import('../lib/api/openapi.ts'),
    import('../lib/api/routes/index.ts'),
  ]);
  return staticFile(JSON.stringify(openApiDocument(routes)), 'application/json');
}

/** `GET /api/openapi.json`: the description of the API. */
const openApi: OpenHandler = async ({ request }) => {
  document ??= produceDocument();
  return staticAnswer(await document, request.headers.get('if-none-match'));
};

app.http('openapi', { route: 'openapi.json', methods: ['GET'], authLevel: 'anonymous', handler: open(openApi) });
app.http('docs', { route: 'docs', methods: ['GET'], authLevel: 'anonymous', handler: open(page('docs.html')) });
app.http('assets', { route: 'assets/{file}', methods: ['GET'], authLevel: 'anonymous', handler: open(asset()) });
