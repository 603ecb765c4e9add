import type { ContainerClient } from '@azure/storage-blob';
import type { RunPlan } from './run.ts';
import type { RunId } from './run-id.ts';
import type { RunResults } from './run-log.ts';
import { runPlanSchema } from './run-schemas.ts';
import { checkPlanDigest, digestOf, type PlannedRun, type StoredPlan } from './stored-plan.ts';
import { once } from '../runtime/once.ts';
import { isStorageConflict, isStorageMissing, storageCall, storageItems } from '../runtime/storage-call.ts';

const resultsContainer = 'results';

/** Stores plans and rows as blobs: `{runId}/plan.json` and `{runId}/rows/{tenantId}.{attempt}.jsonl`. */
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

  async *rows(runId: RunId, rowsName: string): AsyncGenerator<string, void, undefined> {
    const reply = await storageCall(async () => (await this.#blob(blobName(runId, rowsName))).download());
    const stream = reply.readableStreamBody;
    if (stream === undefined) return;
    const decoder = new TextDecoder();
    for await (const piece of storageItems(stream))
      yield typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true });
    yield decoder.decode();
  }

  async remove(runId: RunId): Promise<void> {
    const container = await storageCall(this.#container);
    for await (const { name } of storageItems(container.listBlobsFlat({ prefix: `${runId}/` }))) {
      await storageCall(() => container.getBlobClient(name).deleteIfExists());
    }
  }

  async #blob(name: string) {
    return (await this.#container()).getBlockBlobClient(name);
  }
}

const planName = (runId: RunId): string => `${runId}/plan.json`;
const blobName = (runId: RunId, rowsName: string): string => `${runId}/rows/${rowsName}.jsonl`;
const contentType = (blobContentType: string) => ({ blobHTTPHeaders: { blobContentType } });
