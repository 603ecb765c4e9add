import { join, resolve } from 'node:path';

export const projectRoot = resolve(import.meta.dirname, '..');

/** Folder of the build under test: the project, or what PTB_BUILD_ROOT names. */
export const appFolder = resolve(projectRoot, process.env['PTB_BUILD_ROOT'] ?? '.');
export const ptbScript = join(appFolder, 'build/cli/ptb.js');
