import { join, resolve } from 'node:path';

export const projectRoot = resolve(import.meta.dirname, '..');

/** Where the build that is under test lies: the project's own, unless PTB_BUILD_ROOT names another. */
export const buildRoot = resolve(projectRoot, process.env['PTB_BUILD_ROOT'] ?? '.');
export const appFolder = buildRoot;
export const ptbScript = join(buildRoot, 'build/cli/ptb.js');
