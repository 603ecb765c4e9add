import type { ContainerClient } from '@azure/storage-blob';
import { maximumStoredLength } from '../judge/stored-map.ts';
import { httpStatusOf } from '../core/sdk-error.ts';

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
