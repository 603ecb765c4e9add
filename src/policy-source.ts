import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { TokenCredential } from '@azure/identity';
import { policyFromBlob, policyFromFile, type ReadPolicy } from './lib/access/policy/policy-store.ts';

/**
 * The policy file or blob that ACCESS_POLICY names.
 * @param start a folder of the app. The name of a file begins at the folder of host.json.
 */
export async function policySource(
  location: string,
  identity: () => Promise<TokenCredential>,
  start: string,
): Promise<ReadPolicy> {
  if (location.startsWith('https://')) {
    const { BlobClient } = await import('@azure/storage-blob');
    return policyFromBlob(new BlobClient(location, await identity()));
  }
  const path = resolve(appFolder(start), location);
  return policyFromFile(() => readFile(path, 'utf8'));
}

/** The folder of host.json. The bundle is in a folder below it. */
function appFolder(start: string): string {
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'host.json'))) return folder;
  }
  return start;
}
