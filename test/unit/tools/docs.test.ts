import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { derivedFiles } from '../../../tools/docs.ts';
import { projectRoot } from '../../paths.ts';

it.each(Object.entries(derivedFiles))('%s agrees with the code (else: npm run docs)', async (path, text) => {
  expect(readFileSync(join(projectRoot, path), 'utf8')).toBe(await text());
});
