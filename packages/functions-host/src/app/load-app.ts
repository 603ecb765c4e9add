import { existsSync, globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HostStartError } from '../runtime/host-start-error.ts';
import { installCoreModule } from './core-shim.ts';
import type { Registry } from './registry.ts';

interface PackageJson {
  readonly main?: string;
  readonly type?: string;
}

/**
 * Loads the app as the Node.js worker does: it loads every file that `main` of package.json matches, runs the appStart
 * hooks, reads the capabilities, and then closes the registry.
 * @returns the URL at which the library serves streamed HTTP, if the app enabled it.
 * @throws HostStartError when there is nothing to load, when loading fails, or when the app registers no function.
 */
export async function loadApp(appFolder: string, registry: Registry): Promise<{ streamUrl: string | undefined }> {
  const folder = resolve(appFolder);
  const packageJson = readPackageJson(folder);
  const files = entryFiles(folder, packageJson.main);
  installCoreModule(registry);
  for (const file of files) await loadFile(file, packageJson.type === 'module');

  const hookContext = { ...registry.appHooks, functionAppDirectory: folder };
  for (const hook of registry.hooks('appStart')) await hook(hookContext);
  const capabilities = (await registry.model?.getCapabilities?.({})) ?? {};
  registry.lock();
  if (registry.functions.size === 0) {
    throw new HostStartError(
      `The app in ${folder} registers no functions: ${files.length} file(s) match "main" (${packageJson.main ?? ''}), but none of them calls app.http, app.timer or a similar function.`,
    );
  }
  if (!registry.model)
    throw new HostStartError(`The app in ${folder} does not use the v4 programming model of @azure/functions.`);
  return { streamUrl: capabilities['HttpUri'] };
}

function readPackageJson(folder: string): PackageJson {
  const path = join(folder, 'package.json');
  if (!existsSync(path))
    throw new HostStartError(`There is no package.json in ${folder}. Its "main" must name the files of the app.`);
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as PackageJson;
  } catch (error) {
    throw new HostStartError(`${path} is not valid JSON.`, { cause: error });
  }
}

function entryFiles(folder: string, main: string | undefined): string[] {
  if (!main) throw new HostStartError(`package.json in ${folder} has no "main". It must name the files of the app.`);
  const files = globSync(main, { cwd: folder }).toSorted();
  if (files.length === 0) {
    throw new HostStartError(`"main" in package.json matches no file in ${folder}: ${main}. Has the app been built?`);
  }
  return files.map((file) => join(folder, file));
}

async function loadFile(file: string, packageIsModule: boolean): Promise<void> {
  try {
    if (file.endsWith('.mjs') || (packageIsModule && !file.endsWith('.cjs'))) await import(pathToFileURL(file).href);
    else createRequire(file)(file);
  } catch (error) {
    const [firstLine = ''] = String(error).split('\n');
    throw new HostStartError(`The app could not be loaded from ${file}: ${firstLine}`, { cause: error });
  }
}
