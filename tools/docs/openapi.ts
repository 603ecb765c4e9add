/** Writes docs/openapi.json and docs/api.md from the routes in src/lib/api. A test fails when they differ. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiDocument } from '../../src/lib/api/openapi.ts';
import { routes } from '../../src/lib/api/routes/index.ts';
import { apiDocs } from '../api-docs.ts';

const docs = join(import.meta.dirname, '../../docs');

export const openApiText = (): string => `${JSON.stringify(openApiDocument(routes), null, 2)}\n`;

if (import.meta.main) {
  writeFileSync(join(docs, 'openapi.json'), openApiText());
  writeFileSync(join(docs, 'api.md'), apiDocs(routes));
}
