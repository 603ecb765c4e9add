import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const packageRoot = resolve(import.meta.dirname, '../..');

export interface AppOptions {
  /** `extensions` of host.json. */
  readonly extensions?: Record<string, unknown>;
  readonly format?: 'esm' | 'cjs';
}

/** A folder of its own inside the project, where node_modules is found. */
export function temporaryFolder(name: string): string {
  const base = join(packageRoot, '.local');
  mkdirSync(base, { recursive: true });
  return mkdtempSync(join(base, `${name}-`));
}

/** Bundles `apps/NAME.ts` the way the product's own app is bundled. @returns the app's folder. */
export async function buildApp(name: string, { extensions = {}, format = 'esm' }: AppOptions = {}): Promise<string> {
  const folder = temporaryFolder(name);
  const js =
    "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";
  await build({
    entryPoints: [join(import.meta.dirname, 'apps', `${name}.ts`)],
    outdir: join(folder, 'dist'),
    bundle: true,
    platform: 'node',
    format,
    target: 'node22',
    minify: true,
    splitting: format === 'esm',
    external: ['@azure/functions-core'],
    ...(format === 'esm' ? { banner: { js } } : {}),
  });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ type: format === 'esm' ? 'module' : 'commonjs', main: 'dist/*.js' }),
  );
  writeFileSync(join(folder, 'host.json'), JSON.stringify({ version: '2.0', extensions }));
  return folder;
}

export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });
