/**
 * `npm version` runs this: every package and the PowerShell module get the version of package.json, and the section
 * *Unreleased* of CHANGELOG.md becomes that of the version. With `--print` it prints the section of the version instead.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const heading = '## Unreleased\n';

/** @throws Error if nothing waits for a release. */
export function withRelease(changelog: string, version: string): string {
  if (sectionOf(changelog, 'Unreleased') === '')
    throw new Error(`CHANGELOG.md has nothing under "Unreleased". Say there what changes for users.`);
  return changelog.replace(heading, () => `${heading}\n## ${version}\n`);
}

/** The text under the heading of a version. Empty if there is none. */
export function sectionOf(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m);
  return (sections.find((section) => section.startsWith(`${version}\n`)) ?? '').slice(version.length).trim();
}

/** What comes before a version, by file. The packages of this repository depend on exactly each other's version. */
const manifest = /(?<=^  "version": "|"(?:functions-host|graph-permissions|microsoft-cloud)": ")\d[^"]*/gm;
const places: Readonly<Record<string, RegExp>> = {
  'package.json': manifest,
  'packages/functions-host/package.json': manifest,
  'packages/graph-permissions/package.json': manifest,
  'packages/microsoft-cloud/package.json': manifest,
  'clients/typescript/package.json': manifest,
  'package-lock.json':
    /(?<=^  "version": "|^    "(?:packages\/[\w-]+)?": \{\n(?:      "name": "[\w-]+",\n)?      "version": "|"(?:functions-host|graph-permissions|microsoft-cloud)": ")\d[^"]*/gm,
  'clients/powershell/PartnerTokenBroker/PartnerTokenBroker.psd1': /(?<=ModuleVersion\s+= ')[^']+/g,
  'azure.yaml': /(?<=template: partner-token-broker@)\S+/g,
};

if (import.meta.main) {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  const changelog = readFileSync('CHANGELOG.md', 'utf8');
  if (process.argv.includes('--print')) console.log(sectionOf(changelog, version));
  else {
    writeFileSync('CHANGELOG.md', withRelease(changelog, version));
    for (const [file, place] of Object.entries(places))
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll(place, version));
  }
}
