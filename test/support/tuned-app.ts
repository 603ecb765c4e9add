import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { tuning } from '../../src/lib/config/tuning.ts';
import { app } from '../../tools/build.ts';
import { appFolder, projectRoot } from '../paths.ts';
import { builtOnce } from './built-once.ts';

export interface TuningChanges {
  readonly credentialRereadSeconds?: number;
  readonly retryDelaySeconds?: number;
  readonly runs?: { readonly batchSize: number; readonly groupSize: number };
}

export interface ChangedApp {
  /** The folder with host.json and the built app. */
  readonly folder: string;
  remove(): Promise<void>;
}

/**
 * Builds the app from source with other tuning values, for a test that would otherwise wait for minutes.
 * @returns the folder with host.json and the built app. Tests with the same values share it.
 */
export function tunedApp({ retryDelaySeconds, runs: sizes, ...changes }: TuningChanges): Promise<string> {
  const runs = { ...tuning.runs, ...sizes, ...(retryDelaySeconds === undefined ? {} : { retryDelaySeconds }) };
  const values = { ...tuning, ...changes, runs };
  return builtOnce(`app with ${JSON.stringify(values)}`, (folder) => buildInto(folder, replaceTuning(values)));
}

/** Builds the app from source with a plugin that changes it. */
export async function buildChangedApp(plugin: Plugin): Promise<ChangedApp> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-changed-'));
  await buildInto(folder, plugin);
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A change of a source file of the app. */
export interface SourceEdit {
  /** Below the root of the project. */
  readonly file: string;
  /** A text of the file, which `to` replaces once. */
  readonly from: string;
  readonly to: string;
}

/** A plugin that builds the app from changed sources, one change for each file. */
export function editSources(edits: readonly SourceEdit[]): Plugin {
  const left = new Map(edits.map((edit) => [join(projectRoot, edit.file), edit]));
  return {
    name: 'edit-sources',
    setup: (plugin) => {
      plugin.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
        const edit = left.get(path);
        if (edit === undefined) return undefined;
        left.delete(path);
        const text = await readFile(path, 'utf8');
        if (!text.includes(edit.from)) return { errors: [{ text: `${edit.file} does not contain: ${edit.from}` }] };
        return { contents: text.replace(edit.from, () => edit.to), loader: 'ts' };
      });
      plugin.onEnd(() => ({ errors: [...left.keys()].map((path) => ({ text: `the app does not import ${path}` })) }));
    },
  };
}

/** The change that adds a job to the app. @param file of the job, from `src/jobs`. */
export const withJob = (file: string): SourceEdit => ({
  file: 'src/jobs/index.ts',
  from: 'export const jobs: readonly Job[] = [',
  to: `import addedJob from '${file}';\nexport const jobs: readonly Job[] = [addedJob,`,
});

async function buildInto(folder: string, plugin: Plugin): Promise<void> {
  await build({
    ...app,
    absWorkingDir: projectRoot,
    outdir: join(folder, 'dist'),
    sourcemap: false,
    plugins: [...app.plugins, plugin],
  });
  await cp(join(appFolder, 'dist/pages'), join(folder, 'dist/pages'), { recursive: true });
  for (const name of ['host.json', 'package.json']) await cp(join(projectRoot, name), join(folder, name));
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
