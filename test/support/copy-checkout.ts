import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../paths.ts';

/** `cp` links folders on Linux only. Elsewhere a copy of node_modules takes minutes. */
export const canCopyCheckout = process.platform === 'linux';

/** Copies this checkout, with changes and new files that are not committed, but without what it ignores. @param to a new folder. */
export async function copyCheckout(to: string): Promise<void> {
  const run = promisify(execFile);
  await mkdir(to, { recursive: true });
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: projectRoot,
    maxBuffer: 16 * 1024 * 1024,
  });
  const files = stdout.split('\0').filter((file) => file !== '' && existsSync(join(projectRoot, file)));
  for (const parent of new Set(files.map(dirname))) await mkdir(join(to, parent), { recursive: true });
  for (const file of files) await copyFile(join(projectRoot, file), join(to, file));
  // Linked, because the bundler reads the paths of real files. A symbolic link would lead back to this checkout.
  const linked = await run('cp', ['-al', join(projectRoot, 'node_modules'), to]).catch(() => undefined);
  if (linked === undefined) await run('cp', ['-a', join(projectRoot, 'node_modules'), to]);
}
