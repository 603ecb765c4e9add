import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { systemClock } from './clock.ts';
import type { CloudOptions } from './cloud-options.ts';
import { createSigningKeys, type SigningKeys } from './entra/keys.ts';
import { type Certificates, createCertificates } from './web/certificate.ts';

/** What stays when the cloud is reset: it is costly, or clients hold on to it. */
export interface CloudBase {
  readonly keys: SigningKeys;
  readonly certificates: Certificates;
  /** The map of Microsoft's published permission file. */
  readonly publishedMap: PermissionMap | undefined;
  readonly identityHeader: string;
}

/** @throws RangeError for a permission file that cannot be used. */
export async function createBase({ permissions }: CloudOptions): Promise<CloudBase> {
  const [keys, certificates, publishedMap] = await Promise.all([
    createSigningKeys(),
    createCertificates(systemClock.nowMs()),
    permissions === undefined ? undefined : readPermissions(permissions),
  ]);
  return { keys, certificates, publishedMap, identityHeader: randomBytes(24).toString('hex') };
}

/** @throws RangeError with the reason, for a file that cannot be read or is not the published one. */
async function readPermissions(file: string): Promise<PermissionMap> {
  try {
    // The parser takes a while to load, and most clouds run without the file.
    const { parsePublishedFile } = await import('graph-permissions/published-file');
    return parsePublishedFile(await readFile(file, 'utf8')).map;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RangeError(`The permission file ${file} cannot be used: ${reason}`, { cause: error });
  }
}
