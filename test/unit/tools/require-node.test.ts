import { expect, test } from 'vitest';
import project from '../../../package.json' with { type: 'json' };
import { versionProblem } from '../../../src/cli/version-problem.mjs';

test('versionProblem names the required version for an old Node.js, and returns undefined for a new one', () => {
  expect(versionProblem('v20.20.2', '>=22.19')).toContain('needs Node.js 22.19 or later; this is v20.20.2');
  expect(versionProblem('v22.18.0', '>=22.19')).toContain('22.19');
  for (const version of ['v22.19.0', 'v24.0.0', 'v26.1.0']) expect(versionProblem(version, '>=22.19')).toBeUndefined();
});

test('every npm script that runs TypeScript first says which Node.js it needs', () => {
  const scripts: Readonly<Record<string, string>> = project.scripts;
  const running = Object.entries(scripts).filter(([, script]) => /\bnode [^&]*\.ts\b/.test(script));
  expect(running.length).toBeGreaterThan(10);
  const silent = running.filter(([, script]) => !script.startsWith('node tools/require-node.mjs && '));
  expect(silent).toEqual([]);
});
