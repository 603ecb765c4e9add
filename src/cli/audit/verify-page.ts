import { hash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Writes the page with which a customer checks an extract. It has no secret, and is the same for everybody.
 * @returns the SHA-256 of the file, hexadecimal.
 * @throws an error of the file system.
 */
export async function writeVerifyPage(file: string): Promise<string> {
  const page = await readFile(join(dirname(findPackageJSON(import.meta.url) ?? ''), 'build/verify.html'));
  await writeFile(file, page);
  return hash('sha256', page, 'hex');
}
