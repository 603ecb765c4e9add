import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { derivedFiles } from '../../../tools/docs.ts';
import { projectRoot } from '../../paths.ts';

// Apart from docs.test.ts: the mutation tests of src/functions run this file in a copy of the project, in which not all of
// the other files come out alike.
const path = 'docs/openapi.json';

it(`${path} agrees with the code (else: npm run docs)`, async () => {
  expect(readFileSync(join(projectRoot, path), 'utf8')).toBe(await derivedFiles[path]?.());
});
