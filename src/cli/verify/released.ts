import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { asObject, defined, textOf } from '../../lib/core/objects.ts';
import { parseJson } from '../../lib/core/outbound.ts';
import { digestOfFiles, releaseFile } from '../../lib/health/release.ts';
import { UsageError } from '../run-program.ts';

/** The app in an archive, as health shows it once it is deployed. */
export interface ArchivedApp {
  readonly sha256: string;
  /** Absent: the archive does not say. */
  readonly version?: string;
}

/**
 * The app in an archive.
 * @param file `app.zip` of a release or of `ptb package`. If SHA256SUMS is beside it, it must have its checksum there.
 * @throws UsageError if it cannot be read, is not such an archive, or has another checksum.
 */
export async function readArchive(file: string): Promise<ArchivedApp> {
  const archive = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--release: ${file} cannot be read (${error.code}). Name app.zip of a release.`);
  });
  await checkSum(archive, file);
  const files = new Map(Object.entries(unzip(archive, file)).map(([path, bytes]) => [path.slice(inApp.length), bytes]));
  const version = textOf(asObject(parseJson(Buffer.from(files.get(releaseFile) ?? '').toString())), 'version');
  return defined({ sha256: digestOfFiles(files), version });
}

/** @throws UsageError if SHA256SUMS is beside the archive and does not have its checksum. */
async function checkSum(archive: Uint8Array, file: string): Promise<void> {
  const sums = await readFile(join(dirname(file), 'SHA256SUMS'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new UsageError(`--release: SHA256SUMS beside ${file} cannot be read (${error.code}).`);
  });
  if (sums === undefined) return;
  // As sha256sum writes it: an asterisk marks a file that was read as binary.
  const names = [`  ${basename(file)}`, ` *${basename(file)}`];
  const line = sums.split(/\r?\n/).find((each) => names.some((name) => each.endsWith(name)));
  if (line === undefined)
    throw new UsageError(`--release: SHA256SUMS beside ${file} has no line for it. Name the file as the release does.`);
  if (line.split(' ', 1)[0] !== createHash('sha256').update(archive).digest('hex'))
    throw new UsageError(`--release: ${file} does not have its checksum in SHA256SUMS. Download both again.`);
}

const inApp = 'dist/';

function unzip(archive: Uint8Array, file: string): Readonly<Record<string, Uint8Array>> {
  try {
    const files = unzipSync(archive, { filter: ({ name }) => name.startsWith(inApp) && !name.endsWith('/') });
    if (`${inApp}index.js` in files) return files;
  } catch {
    // Not a zip file.
  }
  throw new UsageError(`--release: ${file} is not an archive of the app. Name app.zip of a release.`);
}
