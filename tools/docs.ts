/** `npm run docs`: writes the documentation that follows from the code. A test fails if a file differs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorDocs } from './docs/errors.ts';
import { fidelityDocs } from './docs/fidelity.ts';
import { graphRequests } from './docs/graph-requests.ts';
import { graphSchema } from './docs/graph-schema.ts';
import { openApiText } from './docs/openapi.ts';
import { permissionDocs } from './docs/permissions.ts';
import { reportDocs } from './docs/reports.ts';
import { settingsDocs, settingsSample } from './docs/settings.ts';

/** Path in the project → what the file must contain. */
export const derivedFiles: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/errors.md': errorDocs,
  'docs/openapi.json': openApiText,
  'docs/permissions.md': permissionDocs,
  'docs/reports.md': reportDocs,
  'docs/settings.md': settingsDocs,
  'local.settings.sample.json': settingsSample,
  'packages/microsoft-cloud/docs/fidelity.md': fidelityDocs,
  'packages/microsoft-cloud/requests.md': graphRequests,
  'packages/microsoft-cloud/src/graph/schema/table.ts': graphSchema,
};

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  for (const [path, text] of Object.entries(derivedFiles)) writeFileSync(join(root, path), await text());
}
