import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { asObject } from '../core/objects.ts';
import { parseJson } from '../core/outbound.ts';

/** What is deployed. */
export interface Release {
  readonly version: string;
  /** Of the repository. Absent: it was not packaged by a release. */
  readonly commit?: string;
  /** The project whose jobs replace those of the release. */
  readonly jobs?: string;
  /** {@link digestOfFiles} of the files that are there now. */
  readonly sha256: string;
}

/** The file of a package that names its version and commit. */
export const releaseFile = 'release.json';

/**
 * The digest of an app's files: SHA-256 over a line for each file, sorted by code unit, in the form of `sha256sum`.
 * @param files paths below `dist`, with `/`, and contents.
 */
export function digestOfFiles(files: ReadonlyMap<string, Uint8Array>): string {
  const sha256 = (content: Uint8Array | string): string => createHash('sha256').update(content).digest('hex');
  const paths = [...files.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  return sha256(paths.map((path) => `${sha256(files.get(path) ?? '')}  ${path}\n`).join(''));
}

/** Paths of all files below a folder, with `/`, sorted by code unit. */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .toSorted((a, b) => (a < b ? -1 : 1));
}

/**
 * Reads what is deployed.
 * @param folder of the packaged app's bundle, `dist`.
 * @returns undefined if it was not packaged.
 */
export async function readRelease(folder: string): Promise<Release | undefined> {
  const text = await readFile(join(folder, releaseFile), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const files = new Map<string, Uint8Array>();
  for (const path of await listFiles(folder)) files.set(path, await readFile(join(folder, path)));
  const { version, commit, jobs } = asObject(parseJson(text));
  return {
    version: String(version),
    ...(typeof commit === 'string' ? { commit } : {}),
    ...(typeof jobs === 'string' ? { jobs } : {}),
    sha256: digestOfFiles(files),
  };
}
