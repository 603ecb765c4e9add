import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PackagedApp } from '../../src/cli/project/app-package.ts';
import { packageApp } from '../../tools/package.ts';
import { projectRoot } from '../paths.ts';
import { builtOnce } from './built-once.ts';

export interface PackedApp extends PackagedApp {
  /** The folder with the package: `app`, `app.zip`, `source-maps` and the bill of materials. */
  readonly folder: string;
}

/** The access policy in the package. */
export const packedPolicy = join(projectRoot, 'access-policy.sample.json');

/** Runs `npm run package` with an access policy. Tests share the result. */
export async function packedApp(): Promise<PackedApp> {
  const place = await builtOnce('package', async (folder) => {
    const packaged = await packageApp(projectRoot, join(folder, 'out'), 'azureStorage', packedPolicy);
    await writeFile(join(folder, 'packaged.json'), JSON.stringify(packaged));
  });
  const packaged = JSON.parse(await readFile(join(place, 'packaged.json'), 'utf8')) as PackagedApp;
  return { ...packaged, folder: join(place, 'out') };
}
