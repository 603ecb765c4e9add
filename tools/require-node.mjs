// npm scripts run this first. It is plain JavaScript that old versions of Node.js can run, so that they print a message
// instead of a syntax error.
import { readFileSync } from 'node:fs';

/** Returns a message if `version` is older than `engines` of package.json allows. */
export function versionProblem(version, engines) {
  const wanted = /(\d+)\.(\d+)/.exec(engines);
  const actual = /(\d+)\.(\d+)/.exec(version);
  if (!wanted || !actual) return undefined;
  const [wantedMajor, wantedMinor] = [Number(wanted[1]), Number(wanted[2])];
  const [major, minor] = [Number(actual[1]), Number(actual[2])];
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return undefined;
  return `partner-token-broker needs Node.js ${wantedMajor}.${wantedMinor} or later; this is ${version}. Install a newer one from https://nodejs.org, then run the command again.`;
}

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const problem = versionProblem(process.version, engines.node);
if (problem !== undefined) {
  console.error(problem);
  process.exitCode = 1;
}
