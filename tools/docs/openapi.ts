import { openApiDocument } from '../../src/lib/api/openapi.ts';
import { routes } from '../../src/lib/api/routes/index.ts';

/** docs/openapi.json: the API as the running app describes it at `/api/openapi.json`. */
export const openApiText = (): string => `${JSON.stringify(openApiDocument(routes), null, 2)}\n`;
