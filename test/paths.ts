import { join, resolve } from 'node:path';

export const projectRoot = resolve(import.meta.dirname, '..');

/** The build under test: the project's own, unless PTB_BUILD_ROOT names another folder. */
export const buildRoot = resolve(projectRoot, process.env['PTB_BUILD_ROOT'] ?? '.');
export const appFolder = buildRoot;
export const ptbScript = join(buildRoot, 'build/cli/ptb.js');
