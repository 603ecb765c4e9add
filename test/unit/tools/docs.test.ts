import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { derivedFiles } from '../../../tools/docs.ts';
import { projectRoot } from '../../paths.ts';

// api-document.test.ts has this one.
const others = Object.entries(derivedFiles).filter(([path]) => path !== 'docs/openapi.json');

it.each(others)('%s agrees with the code (else: npm run docs)', async (path, text) => {
  expect(readFileSync(join(projectRoot, path), 'utf8')).toBe(await text());
});
