/** Returns a message if `version` of Node.js is older than `engines` of package.json allows. */
export function versionProblem(version, engines) {
  const wanted = /(\d+)\.(\d+)/.exec(engines);
  const actual = /(\d+)\.(\d+)/.exec(version);
  if (!wanted || !actual) return undefined;
  const [wantedMajor, wantedMinor] = [Number(wanted[1]), Number(wanted[2])];
  const [major, minor] = [Number(actual[1]), Number(actual[2])];
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return undefined;
  return `partner-token-broker needs Node.js ${wantedMajor}.${wantedMinor} or later; this is ${version}. Install a newer one from https://nodejs.org, then run the command again.`;
}
