import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { asObject, defined, textOf } from '../../lib/core/objects.ts';
import { parseJson } from '../../lib/core/outbound.ts';
import { digestOfFiles, releaseFile } from '../../lib/health/release.ts';
import { schedulerType } from '../project/app-package.ts';
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
 * @param backend DURABLE_BACKEND of the environment that the app is for. Undefined or empty: not compared.
 * @throws UsageError if it cannot be read, is not such an archive, has another checksum or is for another environment.
 */
export async function readArchive(file: string, backend?: string): Promise<ArchivedApp> {
  const archive = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--release: ${file} cannot be read (${error.code}). Name app.zip of a release.`);
  });
  await checkSum(archive, file);
  const content = unzip(archive, file);
  checkBackend(content[hostJson], file, backend);
  const app = Object.entries(content).filter(([path]) => path.startsWith(inApp));
  const files = new Map(app.map(([path, bytes]) => [path.slice(inApp.length), bytes]));
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
const hostJson = 'host.json';

/** @throws UsageError if the archive keeps runs elsewhere than its environment does. */
function checkBackend(content: Uint8Array | undefined, file: string, wanted = ''): void {
  const { storageProvider } = asObject(
    asObject(asObject(asObject(parseJson(Buffer.from(content ?? '').toString()))['extensions'])['durableTask']),
  );
  const found = asObject(storageProvider)['type'] === schedulerType ? 'durableTaskScheduler' : 'azureStorage';
  if (wanted === '' || storageProvider === undefined || found === wanted) return;
  throw new UsageError(
    `--release: ${file} keeps runs in ${found}, and DURABLE_BACKEND is ${wanted}: no run would start there. Package it again with --durable-backend ${wanted}.`,
  );
}

function unzip(archive: Uint8Array, file: string): Readonly<Record<string, Uint8Array>> {
  try {
    const files = unzipSync(archive, {
      filter: ({ name }) => (name.startsWith(inApp) && !name.endsWith('/')) || name === hostJson,
    });
    if (`${inApp}index.js` in files) return files;
  } catch {
    // Not a zip file.
  }
  throw new UsageError(`--release: ${file} is not an archive of the app. Name app.zip of a release.`);
}
