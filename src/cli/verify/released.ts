import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { digestOfFiles } from '../../lib/health/release.ts';
import { UsageError } from '../run-program.ts';

/**
 * The digest of the app in an archive, as health shows it.
 * @param file `app.zip` of a release or of `ptb package`. If SHA256SUMS is beside it, it must have its checksum there.
 * @throws UsageError if it cannot be read, is not such an archive, or has another checksum.
 */
export async function digestOfArchive(file: string): Promise<string> {
  const archive = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--release: ${file} cannot be read (${error.code}). Name app.zip of a release.`);
  });
  const sums = await readFile(join(dirname(file), 'SHA256SUMS'), 'utf8').catch(() => '');
  const line = sums.split(/\r?\n/).find((each) => each.endsWith(`  ${basename(file)}`));
  const expected = line?.split(' ', 1)[0];
  if (expected !== undefined && expected !== createHash('sha256').update(archive).digest('hex'))
    throw new UsageError(`--release: ${file} does not have its checksum in SHA256SUMS. Download both again.`);
  const files = new Map(Object.entries(unzip(archive, file)).map(([path, bytes]) => [path.slice(inApp.length), bytes]));
  return digestOfFiles(files);
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
