// The first thing that npm scripts run: plain JavaScript that even an old Node.js understands, so that the reader gets
// a sentence instead of a syntax error.
import { readFileSync } from 'node:fs';

/** A sentence when `version` is older than package.json `engines` asks for, else undefined. */
export function complaint(version, engines) {
  const wanted = /(\d+)\.(\d+)/.exec(engines);
  const actual = /(\d+)\.(\d+)/.exec(version);
  if (!wanted || !actual) return undefined;
  const [wantedMajor, wantedMinor] = [Number(wanted[1]), Number(wanted[2])];
  const [major, minor] = [Number(actual[1]), Number(actual[2])];
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return undefined;
  return `partner-token-broker needs Node.js ${wantedMajor}.${wantedMinor} or later; this is ${version}. Install a newer one from https://nodejs.org, then run the command again.`;
}

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const sentence = complaint(process.version, engines.node);
if (sentence !== undefined) {
  console.error(sentence);
  process.exitCode = 1;
}
