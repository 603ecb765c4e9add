import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const packageRoot = resolve(import.meta.dirname, '../..');

interface AppOptions {
  /** `extensions` of host.json. */
  readonly extensions?: Record<string, unknown>;
  /** `logging.logLevel` of host.json. */
  readonly logLevel?: Record<string, string>;
  readonly format?: 'esm' | 'cjs';
}

/** Creates an empty folder inside the package, so that Node.js finds node_modules from it. */
export function temporaryFolder(name: string): string {
  const base = join(packageRoot, '.local');
  mkdirSync(base, { recursive: true });
  return mkdtempSync(join(base, `${name}-`));
}

/** Bundles `apps/NAME.ts` and adds package.json, host.json and local.settings.json. @returns the app folder. */
export async function buildApp(
  name: string,
  { extensions = {}, logLevel = {}, format = 'esm' }: AppOptions = {},
): Promise<string> {
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
  writeFileSync(join(folder, 'host.json'), JSON.stringify({ version: '2.0', logging: { logLevel }, extensions }));
  writeFileSync(
    join(folder, 'local.settings.json'),
    JSON.stringify({ IsEncrypted: false, Values: { AzureWebJobsStorage: 'UseDevelopmentStorage=true' } }),
  );
  return folder;
}

export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });
