import { join, resolve } from 'node:path';

export const projectRoot = resolve(import.meta.dirname, '..');

/** Folder of the build under test: the project, or what PTB_BUILD_ROOT names. */
export const appFolder = resolve(projectRoot, process.env['PTB_BUILD_ROOT'] ?? '.');
export const ptbScript = join(appFolder, 'build/cli/ptb.js');

/**
 * All that a program of a test needs of the environment, if it must not have the rest: where programs are, and the compiled
 * code of the libraries.
 */
export const plainEnvironment = (): { readonly PATH: string; readonly NODE_COMPILE_CACHE: string } => ({
  PATH: process.env['PATH'] ?? '',
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
});
