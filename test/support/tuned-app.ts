import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { tuning } from '../../src/lib/config/tuning.ts';
import { app } from '../../tools/build.ts';
import { appFolder, projectRoot } from '../paths.ts';

export interface TuningChanges {
  readonly credentialRereadSeconds?: number;
  readonly retryDelaySeconds?: number;
}

export interface TunedApp {
  /** The folder with host.json and the built app. */
  readonly folder: string;
  remove(): Promise<void>;
}

/**
 * Builds the app from source with other tuning values, for a test that would otherwise wait for minutes.
 * @param more changes the app further.
 */
export async function buildTunedApp(
  { retryDelaySeconds, ...changes }: TuningChanges,
  more: readonly Plugin[] = [],
): Promise<TunedApp> {
  const runs = { ...tuning.runs, ...(retryDelaySeconds === undefined ? {} : { retryDelaySeconds }) };
  const folder = await mkdtemp(join(tmpdir(), 'ptb-tuned-'));
  await build({
    ...app,
    absWorkingDir: projectRoot,
    outdir: join(folder, 'dist'),
    sourcemap: false,
    plugins: [...(app.plugins ?? []), replaceTuning({ ...tuning, ...changes, runs }), ...more],
  });
  await cp(join(appFolder, 'dist/pages'), join(folder, 'dist/pages'), { recursive: true });
  for (const name of ['host.json', 'package.json']) await cp(join(projectRoot, name), join(folder, name));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

function replaceTuning(values: object): Plugin {
  return {
    name: 'replace-tuning',
    setup: (plugin) => {
      let replaced = false;
      plugin.onLoad({ filter: /[\\/]src[\\/]lib[\\/]config[\\/]tuning\.ts$/ }, () => {
        replaced = true;
        return { contents: `export const tuning = ${JSON.stringify(values)};` };
      });
      plugin.onEnd(() =>
        replaced ? {} : { errors: [{ text: 'the app does not import the module with the tuning values' }] },
      );
    },
  };
}
