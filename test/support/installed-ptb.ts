import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../paths.ts';

/** Lets npm put `ptb` into `node_modules/.bin` of an empty folder, as `npm ci` does in a clone. */
export async function installPtb(folder: string): Promise<void> {
  await writeFile(join(folder, 'package.json'), '{"private":true}');
  const args = ['install', '--offline', '--no-audit', '--no-fund', join(projectRoot, 'tools/ptb')];
  await promisify(execFile)('npm', args, { cwd: folder, shell: process.platform === 'win32' });
}
