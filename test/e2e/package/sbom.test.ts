import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPages } from '../../../tools/build-pages.ts';
import { app } from '../../../tools/build.ts';
import type { Sbom } from '../../../tools/sbom.ts';
import { projectRoot } from '../../paths.ts';
import { packedApp } from '../../support/packed-app.ts';

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** The package that a file belongs to: the topmost package.json between the file and `node_modules`. */
function packageOf(file: string): Manifest {
  let found: Manifest | undefined;
  for (let folder = dirname(join(projectRoot, file)); folder !== projectRoot; folder = dirname(folder)) {
    if (found !== undefined && basename(folder) === 'node_modules') return found;
    // Packages with several formats contain more files of this name, without a version or a licence.
    if (existsSync(join(folder, 'package.json'))) found = readManifest(folder);
  }
  return readManifest(projectRoot);
}

const project = readManifest(projectRoot);
const labelOf = ({ name, version }: Manifest): string => `${name}@${version}`;
const unique = (labels: Iterable<string>): string[] => [...new Set(labels)].toSorted();

describe('the bill of materials', () => {
  let folder: string;
  let packed: string;
  let sbom: Sbom;
  let metafiles: readonly Metafile[];
  let bundled: readonly Manifest[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sbom-'));
    ({ folder: packed } = await packedApp());
    sbom = JSON.parse(readFileSync(join(packed, 'sbom.cdx.json'), 'utf8')) as Sbom;
    const built = await build({ ...app, absWorkingDir: projectRoot, outdir: join(folder, 'dist'), write: false });
    metafiles = [built.metafile, await buildPages(join(folder, 'pages'))];
    bundled = metafiles
      .flatMap(({ outputs }) => Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs)))
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([file]) => packageOf(file))
      .filter(({ name }) => name !== project.name);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const fullName = ({ group, name }: Sbom['components'][number]): string =>
    group === undefined ? name : `${group}/${name}`;

  it('lists each bundled package once, and no other', () => {
    const listed = sbom.components.map((component) => `${fullName(component)}@${component.version}`);
    expect(listed.length).toBeGreaterThan(50);
    expect(listed.toSorted()).toEqual(unique(bundled.map(labelOf)));
    expect(sbom.components.map(({ purl }) => decodeURIComponent(purl))).toEqual(
      listed.map((label) => `pkg:npm/${label}`),
    );
    expect(new Set(sbom.components.map((component) => component['bom-ref'])).size).toBe(listed.length);
  });

  it('has no schemas in the pages, which would be a fifth of their script', () => {
    const inputs = Object.values(metafiles[1]?.outputs ?? {}).flatMap((output) => Object.keys(output.inputs));
    expect(inputs).toContain('dashboard/app/app.tsx');
    expect(inputs.filter((file) => file.includes('node_modules/zod/'))).toEqual([]);
  });

  it('lists the licence of each package', () => {
    const expected = bundled.map((manifest) => `${labelOf(manifest)} ${manifest.license}`);
    const listed = sbom.components.map((component) => {
      const [licence] = (component.licenses ?? []) as {
        expression?: string;
        license?: { id?: string; name?: string };
      }[];
      return `${fullName(component)}@${component.version} ${licence?.expression ?? licence?.license?.id ?? licence?.license?.name}`;
    });
    expect(listed.toSorted()).toEqual(unique(expected));
  });

  it('lists every package whose licence text is in the package', () => {
    const texts = globSync('**/*.LEGAL.txt', { cwd: join(packed, 'app') }).map((file) =>
      readFileSync(join(packed, 'app', file), 'utf8'),
    );
    const named = texts.flatMap((text) =>
      [...text.matchAll(/^((?:@[\w.-]+\/)?[\w.-]+)\/\S+:$/gm)].map(([, name]) => name),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(sbom.components.map(fullName)).toEqual(expect.arrayContaining(named));
  });

  it('names the app itself as its subject', () => {
    const { name, version } = sbom.metadata.component;
    expect({ name, version }).toEqual({ name: project.name, version: project.version });
  });

  it('lists the production dependencies of package.json, each of which the app or its pages import', () => {
    const ownImports = metafiles.flatMap(({ inputs }) =>
      Object.entries(inputs)
        .filter(([file]) => file.startsWith('src/') || file.startsWith('dashboard/'))
        .flatMap(([, { imports }]) => imports.filter(({ external }) => external !== true).map(({ path }) => path)),
    );
    const imported = unique(ownImports.map((path) => packageOf(path).name ?? '')).filter(
      (name) => name !== project.name,
    );
    expect(Object.keys(project.dependencies ?? {}).toSorted()).toEqual(imported);
    expect(bundled.map(({ name }) => name)).toEqual(expect.arrayContaining(imported));
  });
});
