/**
 * Writes the folder that is deployed, `out/app`, and its archive `out/app.zip`: the bundled app, host.json, a
 * package.json without dependencies, and the access policy if the project has one. Beside them it writes the bill of
 * materials, `out/sbom.cdx.json`, and the source maps. The same sources and `GITHUB_SHA` give the same bytes.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { Metafile } from 'esbuild';
import {
  chosenBackend,
  completePackage,
  deployedManifest,
  type DurableBackend,
  type PackagedApp,
  packageLines,
} from '../src/cli/project/app-package.ts';
import { releaseFile } from '../src/lib/health/release.ts';
import { metafilePath } from './build.ts';
import { sbomOf } from './sbom.ts';

/**
 * Builds into a temporary folder, because the project's own `dist/` may be in use. The folder is in the project: source maps
 * contain paths relative to it, and names of chunks depend on them, so another place would give other bytes.
 * @returns What the bundles consist of.
 */
async function buildInto(root: string, dist: string, sourceMaps: string): Promise<Metafile> {
  await mkdir(join(root, '.local'), { recursive: true });
  const built = await mkdtemp(join(root, '.local/package-'));
  try {
    await promisify(execFile)(process.execPath, [join(root, 'tools/build.ts'), '--out', built, '--app-only'], {
      cwd: root,
    });
    await cp(join(built, 'dist'), dist, { recursive: true });
    await cp(join(built, 'build/source-maps'), sourceMaps, { recursive: true });
    return JSON.parse(await readFile(join(built, metafilePath), 'utf8')) as Metafile;
  } finally {
    await rm(built, { recursive: true, force: true });
  }
}

/**
 * @param root Folder of the project.
 * @param out Where the files go; its contents are replaced.
 * @param policyFile The access policy. If the file is missing, the package has none.
 */
export async function packageApp(
  root: string,
  out: string,
  backend: DurableBackend,
  policyFile = join(root, 'access-policy.json'),
): Promise<PackagedApp> {
  const folder = join(out, 'app');
  await rm(out, { recursive: true, force: true });
  const metafile = await buildInto(root, join(folder, 'dist'), join(out, 'source-maps/dist'));
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Parameters<
    typeof deployedManifest
  >[0];
  await writeFile(join(out, 'sbom.cdx.json'), `${JSON.stringify(sbomOf(metafile, root), undefined, 2)}\n`);
  // The workflow of a release knows the commit. Elsewhere there may be changes that no commit has.
  const commit = process.env['GITHUB_SHA'];
  const release = { version: manifest.version, ...(commit === undefined ? {} : { commit }) };
  await writeFile(join(folder, 'dist', releaseFile), `${JSON.stringify(release)}\n`);
  return completePackage(out, { root, backend, manifest: deployedManifest(manifest), policyFile });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { out: { type: 'string', default: 'out' }, 'durable-backend': { type: 'string' } },
  });
  const backend = chosenBackend(values['durable-backend'], process.env['DURABLE_BACKEND']);
  const root = join(import.meta.dirname, '..');
  const out = resolve(root, values.out);
  for (const line of packageLines(values.out, await packageApp(root, out, backend))) console.log(line);
}

if (import.meta.main) await main();
