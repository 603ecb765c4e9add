import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { partnerMap } from 'graph-permissions/partner-table';
import type { PermissionMap } from 'graph-permissions/permission-map';
import type { PublishedMap } from 'graph-permissions/published-file';
import { type MapOrigin, readStoredMap, type StoredMap, writeStoredMap } from '../../lib/judge/stored-map.ts';
import { checkUpdate, parsePublishedFile } from './published-file.ts';
import type { MapBlobs } from '../../lib/gateway/map-store.ts';
import { type Fetch, outboundFailure, send } from '../../lib/core/outbound.ts';
import { CommandFailure } from '../command-failure.ts';

/** Microsoft's file has 3 MB. */
const maximumBytes = 30 * 1024 * 1024;
const timeoutMs = 120_000;
const keepForce = 'The map in force stays. Check where the file comes from, and try again.';

export interface UpdateDeps {
  readonly blobs: Pick<MapBlobs, 'read' | 'replace'>;
  readonly fetch: Fetch;
  readonly nowMs: () => number;
}

/** The map that an update put in force, and what changed. */
export interface MapUpdate {
  readonly origin: MapOrigin;
  readonly permissions: number;
  /** Names of permissions. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly skippedPaths: readonly string[];
  /** The file has the digest of the one that is in force already, so nothing was stored. */
  readonly unchanged: boolean;
}

/**
 * Loads Microsoft's published permission file and puts it in force.
 * @param source An address, or the path of a file.
 * @throws CommandFailure if the file cannot be read, or does not pass the checks; the error of the storage SDK.
 */
export async function updateMap(deps: UpdateDeps, source: { url: string } | { file: string }): Promise<MapUpdate> {
  const bytes = 'file' in source ? await readBytes(source.file) : await download(deps.fetch, source.url);
  const former = await storedMap(deps.blobs);
  const read = parse(bytes);
  const before = former?.map ?? partnerMap();
  const problems = checkUpdate(before, read.map);
  if (problems.length > 0) throw new CommandFailure('request_invalid', problems.join(' '), keepForce);
  const origin: MapOrigin = {
    source: 'file' in source ? source.file : source.url,
    retrievedAt: new Date(deps.nowMs()).toISOString(),
    sha256: hash('sha256', bytes, 'hex'),
  };
  const unchanged = former?.origin.sha256 === origin.sha256;
  if (!unchanged) await deps.blobs.replace(writeStoredMap({ origin, map: read.map }));
  return {
    origin: unchanged ? former.origin : origin,
    permissions: read.map.permissions.length,
    added: missingIn(before, read.map),
    removed: missingIn(read.map, before),
    skippedPaths: read.skippedPaths,
    unchanged,
  };
}

/** The map that an operator loaded; undefined without one, or if it cannot be read. */
export async function storedMap(blobs: Pick<MapBlobs, 'read'>): Promise<StoredMap | undefined> {
  const stored = await blobs.read();
  if (stored === undefined || stored === 'unchanged') return undefined;
  try {
    return readStoredMap(stored.text);
  } catch {
    return undefined;
  }
}

const missingIn = (one: PermissionMap, other: PermissionMap): readonly string[] => {
  const known = new Set(one.permissions);
  return other.permissions.filter((permission) => !known.has(permission));
};

function parse(bytes: Buffer): PublishedMap {
  try {
    return parsePublishedFile(bytes.toString('utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    const detail = error instanceof Error ? error.message : 'The file cannot be read.';
    throw new CommandFailure('request_invalid', detail, keepForce);
  }
}

async function readBytes(file: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown error';
    throw new CommandFailure('request_invalid', `${file} cannot be read: ${reason}.`, 'Give the path of the file.');
  }
  if (bytes.length <= maximumBytes) return bytes;
  throw new CommandFailure('request_invalid', `${file} is larger than 30 MB.`, keepForce);
}

async function download(fetch: Fetch, url: string): Promise<Buffer> {
  const next = 'Check GRAPH_PERMISSIONS_URL and the network, or download the file elsewhere and give it with --file.';
  const reply = await send(fetch, { method: 'GET', url, timeoutMs, maxBodyBytes: maximumBytes }).catch(
    (error: unknown) => {
      const { detail } = outboundFailure(error, 'resource_error', new URL(url).host);
      throw new CommandFailure('resource_error', detail, next, { cause: error });
    },
  );
  if (reply.status === 200) return Buffer.from(reply.body);
  throw new CommandFailure('resource_error', `${new URL(url).host} answers ${reply.status}.`, next);
}
