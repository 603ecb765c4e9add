import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** For files with data of customers: only the owner may read them. */
export const privateFile = { mode: 0o600 };
export const privateFolder = { recursive: true, mode: 0o700 };

/** Writes a file that has its name only once it is whole. Nothing is left of one that fails. */
export async function writeWhole(file: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const partial = `${file}.part`;
  try {
    // Not into what is there: others may be able to read it, or it is a link.
    await rm(partial, { force: true });
    await pipeline(Readable.from(bytes), createWriteStream(partial, { ...privateFile, flags: 'wx' }));
    await rename(partial, file);
  } catch (thrown) {
    await rm(partial, { force: true });
    throw thrown;
  }
}
