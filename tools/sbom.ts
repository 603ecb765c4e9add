/**
 * The software bill of materials of the deployed package, as CycloneDX 1.6 JSON ("CycloneDX v1.6 JSON Reference"). It
 * follows from the bundler's metafile, so it lists the npm packages whose code is in the bundle and no others. It holds
 * no time and no serial number: the same sources give the same bytes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

export interface Component {
  readonly type: 'application' | 'library';
  readonly 'bom-ref': string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly object[];
  readonly purl: string;
}

export interface Sbom {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.6';
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
}

/** Folder of the npm package that a file belongs to; undefined for the project's own files. */
export const packageFolderOf = (file: string): string | undefined =>
  /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];

/** @param root Folder of the project; the metafile's paths are relative to it. */
export function sbomOf(metafile: Metafile, root: string): Sbom {
  const manifest = (folder: string): Manifest =>
    JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
  const folders = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    // Tree shaking has removed an input without bytes.
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [packageFolderOf(file)] : [])),
  );
  const components = [...new Set(folders)].flatMap((folder) =>
    folder === undefined ? [] : [componentOf('library', manifest(folder))],
  );
  // Two folders may hold the same version of a package.
  const byPurl = new Map(components.map((component) => [component.purl, component]));
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: componentOf('application', manifest('.')) },
    components: [...byPurl.values()].toSorted((a, b) => (a.purl < b.purl ? -1 : 1)),
  };
}

function componentOf(type: Component['type'], { name, version, license }: Manifest): Component {
  const [scope, plainName] = name.startsWith('@') ? name.split('/') : [undefined, name];
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  return {
    type,
    'bom-ref': purl,
    ...(scope === undefined ? {} : { group: scope }),
    name: plainName ?? name,
    version,
    ...(license === undefined ? {} : { licenses: [licenseOf(license)] }),
    purl,
  };
}

/** npm's field holds an SPDX identifier, an SPDX expression, or `SEE LICENSE IN` a file. */
function licenseOf(license: string): object {
  if (license.startsWith('SEE ')) return { license: { name: license } };
  return / (?:AND|OR|WITH) /.test(license) ? { expression: license } : { license: { id: license } };
}
