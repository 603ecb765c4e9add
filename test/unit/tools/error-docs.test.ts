import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errorDocs } from '../../../tools/docs/errors.ts';
import { projectRoot } from '../../paths.ts';

test('docs/errors.md says what the tables say', () => {
  expect(readFileSync(join(projectRoot, 'docs/errors.md'), 'utf8')).toBe(errorDocs());
});
