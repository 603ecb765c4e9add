import { pipeline, Readable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import type { ContainerClient } from '@azure/storage-blob';
import type { RunPlan } from './run.ts';
import type { RunId } from './run-id.ts';
import type { RunResults, StoredFormat } from './run-log.ts';
import { runPlanSchema } from './run-schemas.ts';
import { checkPlanDigest, digestOf, type PlannedRun, type StoredPlan } from './stored-plan.ts';
import { once } from '../runtime/once.ts';
import {
  isStorageConflict,
  isStorageMissing,
  isStorageRangeInvalid,
  storageCall,
  storageItems,
} from '../runtime/storage-call.ts';

const resultsContainer = 'results';
/** Size of the blocks of an export, in bytes. Two of them are in memory. */
const uploadBlockBytes = 4 * 1024 * 1024;

/**
 * Stores plans, rows and exports as blobs: `{runId}/plan.json`, `{runId}/rows/{tenantId}.{attempt}.jsonl`,
 * `{runId}/export.jsonl.gz` and `{runId}/export.csv.gz`.
 */
export class BlobRunResults implements RunResults {
  readonly #container: () => Promise<ContainerClient>;

  /** @param container returns the client for a container name. The container is created on first use. */
  constructor(container: (name: string) => Promise<ContainerClient>) {
    this.#container = once(async () => {
      const client = await container(resultsContainer);
      await client.createIfNotExists();
      return client;
    });
  }

  async putPlan(runId: RunId, plan: RunPlan): Promise<StoredPlan> {
    const text = JSON.stringify(plan);
    try {
      const blob = await this.#blob(planName(runId));
      await blob.upload(text, Buffer.byteLength(text), {
        conditions: { ifNoneMatch: '*' },
        ...contentType('application/json'),
      });
      return { ...plan, digest: digestOf(text) };
    } catch (thrown) {
      if (!isStorageConflict(thrown)) return storageCall(() => Promise.reject(thrown));
      return (await this.plan({ runId })) ?? { ...plan, digest: digestOf(text) };
    }
  }

  async plan(run: PlannedRun): Promise<StoredPlan | undefined> {
    try {
      const bytes = await (await this.#blob(planName(run.runId))).downloadToBuffer();
      const digest = digestOf(bytes);
      // Before the text is parsed: it may be anything.
      checkPlanDigest(run, digest);
      return { ...runPlanSchema.parse(JSON.parse(bytes.toString('utf8'))), digest };
    } catch (thrown) {
      if (isStorageMissing(thrown)) return undefined;
      return storageCall(() => Promise.reject(thrown));
    }
  }

  async putRows(runId: RunId, rowsName: string, jsonLines: string): Promise<void> {
    await storageCall(async () =>
      (await this.#blob(blobName(runId, rowsName))).upload(
        jsonLines,
        Buffer.byteLength(jsonLines),
        contentType('application/jsonl'),
      ),
    );
  }

  async *rows(runId: RunId, rowsName: string, fromByte = 0): AsyncGenerator<string, void, undefined> {
    const stream = await this.#read(blobName(runId, rowsName), fromByte);
    if (stream !== undefined) yield* textOf(stream);
  }

  async putExport(runId: RunId, format: StoredFormat, text: AsyncIterable<string>): Promise<void> {
    const compressed = pipeline(Readable.from(text, { objectMode: false }), createGzip(), () => undefined);
    try {
      const blob = await this.#blob(exportName(runId, format));
      // The blob changes when the last block is there.
      await blob.uploadStream(compressed, uploadBlockBytes, 1, contentType('application/gzip'));
    } catch (thrown) {
      compressed.destroy();
      await storageCall(() => Promise.reject(thrown));
    }
  }

  async *export(runId: RunId, format: StoredFormat): AsyncGenerator<string, void, undefined> {
    const stream = await this.#read(exportName(runId, format), 0);
    if (stream !== undefined) yield* textOf(pipeline(stream, createGunzip(), () => undefined));
  }

  async remove(runId: RunId): Promise<void> {
    const container = await storageCall(this.#container);
    for await (const { name } of storageItems(container.listBlobsFlat({ prefix: `${runId}/` }))) {
      await storageCall(() => container.getBlobClient(name).deleteIfExists());
    }
  }

  async #read(name: string, fromByte: number): Promise<NodeJS.ReadableStream | undefined> {
    try {
      return (await (await this.#blob(name)).download(fromByte)).readableStreamBody;
    } catch (thrown) {
      if (isStorageRangeInvalid(thrown)) return undefined;
      const missing = `The blob ${resultsContainer}/${name} does not exist.`;
      return storageCall(() => Promise.reject(thrown), isStorageMissing(thrown) ? missing : undefined);
    }
  }

  async #blob(name: string) {
    return (await this.#container()).getBlockBlobClient(name);
  }
}

const planName = (runId: RunId): string => `${runId}/plan.json`;
const blobName = (runId: RunId, rowsName: string): string => `${runId}/rows/${rowsName}.jsonl`;
const exportName = (runId: RunId, format: StoredFormat): string => `${runId}/export.${format}.gz`;
const contentType = (blobContentType: string) => ({ blobHTTPHeaders: { blobContentType } });

async function* textOf(stream: NodeJS.ReadableStream): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  for await (const piece of storageItems(stream))
    yield typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true });
  yield decoder.decode();
}
