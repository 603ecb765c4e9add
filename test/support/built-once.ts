import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { appFolder, projectRoot } from '../paths.ts';

const place = join(projectRoot, '.local/built-for-tests');
/** After this time no test still uses what was built from other sources. */
const keptMs = 24 * 3_600_000;

const filesOf = (folder: string, patterns: readonly string[]): readonly string[] =>
  globSync(patterns, { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();

/** Everything that the app is built from, and how. */
const sources = (): readonly string[] => [
  ...filesOf(projectRoot, ['{src,dashboard,tools}/**', 'packages/*/src/**', '*.json', 'test/support/*-app.ts']),
  ...filesOf(appFolder, ['dist/pages/*']),
];

/**
 * Builds something from the sources of the app. A build takes as much processor time as several tests, so tests that need
 * the same one share it, and the next run uses it again if no source has changed.
 * @param what names the result: the same name means the same build.
 * @param build receives an empty folder for the result.
 * @returns the folder with the result, which tests only read.
 */
export async function builtOnce(what: string, build: (folder: string) => Promise<void>): Promise<string> {
  const hash = createHash('sha256').update(what);
  for (const file of sources()) hash.update(`\0${file}\0`).update(readFileSync(file));
  const folder = join(place, hash.digest('hex').slice(0, 32));
  if (existsSync(folder)) return folder;
  await mkdir(place, { recursive: true });
  await removeOld();
  const draft = await mkdtemp(join(place, 'draft-'));
  await build(draft);
  // Fails if another process was faster. Its build is the same.
  await rename(draft, folder).catch(() => rm(draft, { recursive: true, force: true }));
  return folder;
}

async function removeOld(): Promise<void> {
  for (const name of await readdir(place)) {
    const found = await stat(join(place, name)).catch(() => undefined);
    if (found !== undefined && found.mtimeMs < Date.now() - keptMs)
      await rm(join(place, name), { recursive: true, force: true });
  }
}
