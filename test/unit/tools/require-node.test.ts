import { expect, test } from 'vitest';
// @ts-expect-error plain JavaScript on purpose: it must run where TypeScript does not
import { complaint } from '../../../tools/require-node.mjs';

test('an old Node.js is told what it lacks, a new one nothing', () => {
  expect(complaint('v20.20.2', '>=22.19')).toContain('needs Node.js 22.19 or later; this is v20.20.2');
  expect(complaint('v22.18.0', '>=22.19')).toContain('22.19');
  for (const version of ['v22.19.0', 'v24.0.0', 'v26.1.0']) expect(complaint(version, '>=22.19')).toBeUndefined();
});
