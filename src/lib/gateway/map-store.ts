import type { ContainerClient } from '@azure/storage-blob';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { type Clock, withDeadline } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import { KeptCopy } from '../core/kept-copy.ts';
import type { Logger } from '../core/log.ts';
import { httpStatusOf } from '../core/outbound.ts';
import { once } from '../core/single-flight.ts';
import { type MapOrigin, maximumStoredLength, readStoredMap, type StoredMap } from '../judge/stored-map.ts';

/** The container of the access policy: operators may write it, see docs/deploy.md. */
export const mapContainer = 'access-policy';
const currentName = 'permission-map.json';
const previousName = 'permission-map.previous.json';

/** A stored permission map. */
export interface MapText {
  readonly text: string;
  readonly etag: string | undefined;
}

/** The blobs that hold the permission map that an operator loaded, and the one before it. */
export class MapBlobs {
  readonly #container: () => Promise<ContainerClient>;

  constructor(container: () => Promise<ContainerClient>) {
    this.#container = container;
  }

  /**
   * Reads the map. `unchanged` if it still has this entity tag; undefined if there is none.
   * @throws the error of the storage SDK.
   */
  async read(etag?: string, abortSignal?: AbortSignal): Promise<MapText | 'unchanged' | undefined> {
    const conditions = etag === undefined ? {} : { conditions: { ifNoneMatch: etag } };
    const options = { ...conditions, ...(abortSignal === undefined ? {} : { abortSignal }) };
    try {
      return await this.#download(currentName, options);
    } catch (error) {
      if (httpStatusOf(error) === 304) return 'unchanged';
      throw error;
    }
  }

  /** Stores a map, and keeps the one that it replaces. @throws the error of the storage SDK. */
  async replace(text: string): Promise<void> {
    const former = await this.#download(currentName);
    if (former === undefined) await this.#remove(previousName);
    else await this.#upload(previousName, former.text);
    await this.#upload(currentName, text);
  }

  /**
   * Puts the map in force that the last `replace` replaced. That one is then kept, so that rolling back again undoes it.
   * @returns the map in force; `built-in` if there was none before; undefined if there is nothing to roll back.
   * @throws the error of the storage SDK.
   */
  async rollBack(): Promise<MapText | 'built-in' | undefined> {
    const [current, previous] = await Promise.all([this.#download(currentName), this.#download(previousName)]);
    if (previous === undefined) await this.#remove(currentName);
    else await this.#upload(currentName, previous.text);
    if (current === undefined) await this.#remove(previousName);
    else await this.#upload(previousName, current.text);
    return previous ?? (current === undefined ? undefined : 'built-in');
  }

  async #download(name: string, options: object = {}): Promise<MapText | undefined> {
    const blob = (await this.#container()).getBlobClient(name);
    try {
      const reply = await blob.download(0, maximumStoredLength + 1, options);
      const chunks: Buffer[] = [];
      for await (const chunk of reply.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
      return { text: Buffer.concat(chunks).toString('utf8'), etag: reply.etag };
    } catch (error) {
      if (httpStatusOf(error) === 404) return undefined;
      throw error;
    }
  }

  async #upload(name: string, text: string): Promise<void> {
    const container = await this.#container();
    const upload = async (): Promise<void> => {
      const options = { blobHTTPHeaders: { blobContentType: 'application/json' } };
      await container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text), options);
    };
    try {
      await upload();
    } catch (error) {
      // Only an account that no template deployed lacks the container.
      if (httpStatusOf(error) !== 404) throw error;
      await container.createIfNotExists();
      await upload();
    }
  }

  async #remove(name: string): Promise<void> {
    try {
      await (await this.#container()).getBlobClient(name).delete();
    } catch (error) {
      if (httpStatusOf(error) !== 404) throw error;
    }
  }
}

/** The permission map in force. */
interface MapInForce {
  readonly map: PermissionMap;
  /** Undefined for the table in the project, which serves until an operator loads Microsoft's file. */
  readonly origin: MapOrigin | undefined;
  /** Why the stored map is not in force. One sentence for the operator. */
  readonly problem?: string;
}

/** A change takes effect within this time, and one more request, milliseconds. */
const reloadMs = 30_000;
/** Time from a failed read to the next, milliseconds. */
const retryMs = 5_000;
const readTimeoutMs = 5_000;

interface MapStoreDeps {
  readonly blobs: Pick<MapBlobs, 'read'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly background?: (work: () => void) => void;
}

/**
 * Holds the permission map in force. It is read on first need, and again after 30 seconds in the background: a request waits
 * for storage only while there is no copy. A stored map that cannot be read as one leaves the former map in force.
 */
export class MapStore {
  readonly #deps: MapStoreDeps;
  readonly #copy: KeptCopy<MapInForce>;
  readonly #builtIn = once(async (): Promise<MapInForce> => {
    // Loaded at first need, to keep start-up short.
    const { partnerMap } = await import('graph-permissions/partner-table');
    return { map: partnerMap(), origin: undefined };
  });
  /** The stored text that was read last, valid or not. */
  #last: { readonly etag: string | undefined; readonly inForce: MapInForce } | undefined;

  constructor(deps: MapStoreDeps) {
    this.#deps = deps;
    this.#copy = new KeptCopy(deps, {
      freshMs: () => reloadMs,
      usableMs: Number.POSITIVE_INFINITY,
      pauseMs: () => retryMs,
    });
  }

  /** The map in force. @throws BrokerError storage_unavailable if there is no copy and storage cannot be read. */
  async current(): Promise<PermissionMap> {
    return (await this.inForce()).map;
  }

  /** The map in force with its origin. @throws as {@link current}. */
  async inForce(): Promise<MapInForce> {
    return (await this.#copy.get(() => this.#load(), { patienceMs: 0 })).value;
  }

  async #load(): Promise<MapInForce> {
    const { blobs, clock } = this.#deps;
    const etag = this.#last?.etag;
    const stored = await withDeadline(clock, readTimeoutMs, (signal) => blobs.read(etag, signal)).catch(
      (cause: unknown) => {
        throw new BrokerError('storage_unavailable', 'The permission map cannot be read.', { cause });
      },
    );
    if (stored === 'unchanged' && this.#last !== undefined) return this.#last.inForce;
    if (stored === undefined || stored === 'unchanged') {
      this.#last = undefined;
      return this.#builtIn();
    }
    const inForce = await this.#parse(stored.text);
    this.#last = { etag: stored.etag, inForce };
    return inForce;
  }

  async #parse(text: string): Promise<MapInForce> {
    const { log } = this.#deps;
    let read: StoredMap;
    try {
      read = readStoredMap(text);
    } catch (error) {
      const problem = error instanceof Error ? error.message : 'The stored permission map cannot be read.';
      log.log('warn', 'permission_map.rejected', { problem });
      const { map, origin } = this.#copy.peek()?.value ?? (await this.#builtIn());
      return { map, origin, problem };
    }
    const { source, sha256 } = read.origin;
    log.log('info', 'permission_map.loaded', { source, sha256, permissions: read.map.permissions.length });
    return read;
  }
}
