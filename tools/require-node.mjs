// npm scripts run this first. It is plain JavaScript that old versions of Node.js can run, so that they print a message
// instead of a syntax error.
import { readFileSync } from 'node:fs';
import { versionProblem } from '../src/cli/version-problem.mjs';

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const problem = versionProblem(process.version, engines.node);
if (problem !== undefined) {
  console.error(problem);
  process.exitCode = 1;
}
