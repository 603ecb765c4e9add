import { expect, test } from 'vitest';
import { versionProblem } from '../../../src/cli/version-problem.mjs';

test('versionProblem names the required version for an old Node.js, and returns undefined for a new one', () => {
  expect(versionProblem('v20.20.2', '>=22.19')).toContain('needs Node.js 22.19 or later; this is v20.20.2');
  expect(versionProblem('v22.18.0', '>=22.19')).toContain('22.19');
  for (const version of ['v22.19.0', 'v24.0.0', 'v26.1.0']) expect(versionProblem(version, '>=22.19')).toBeUndefined();
});
