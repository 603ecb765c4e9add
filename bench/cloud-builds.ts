/** Builds of the simulated cloud that are compared. */
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../test/paths.ts';

const run = promisify(execFile);

/** The last commit before Graph was answered by an engine over generated data. */
const commitBefore = '328809df9beed9234d6e8e4f4c17e95992404a59';

/** Inside the project, so that the builds find node_modules. */
const workFolder = join(projectRoot, '.local/bench-cloud');
const source = 'packages/microsoft-cloud';

export interface CloudBuilds {
  /** `main.js` of the version before the engine, and of the sources as they are. */
  readonly before: string;
  readonly now: string;
  remove(): Promise<void>;
}

/** @throws Error in a clone without the older commit. */
export async function buildClouds(): Promise<CloudBuilds> {
  await rm(workFolder, { recursive: true, force: true });
  await mkdir(workFolder, { recursive: true });
  await writeFile(join(workFolder, 'package.json'), JSON.stringify({ type: 'module' }));
  const archive = join(workFolder, 'before.tar');
  try {
    await run('git', ['archive', `--output=${archive}`, commitBefore, source], { cwd: projectRoot });
  } catch (error) {
    throw new Error('The bench compares with an older commit: fetch the whole history (git fetch --unshallow).', {
      cause: error,
    });
  }
  await run('tar', ['-xf', archive, '-C', workFolder]);
  const folders = { before: join(workFolder, source, 'dist'), now: join(workFolder, 'now') };
  await run(process.execPath, [join(workFolder, source, 'prepare.mjs'), folders.before]);
  await run(process.execPath, [join(projectRoot, source, 'prepare.mjs'), folders.now]);
  return {
    before: join(folders.before, 'main.js'),
    now: join(folders.now, 'main.js'),
    remove: () => rm(workFolder, { recursive: true, force: true }),
  };
}
