import { pipeline, Readable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import type { ContainerClient } from '@azure/storage-blob';
import {
  type PlannedRun,
  type RunId,
  type RunLog,
  type RunPlan,
  type RunResults,
  type StoredDocument,
  type StoredFormat,
  type StoredPlan,
  tenantOfShortRows,
} from './run.ts';
import { BrokerError } from '../../core/errors.ts';
import { wrongContinuation } from '../../core/rows/continuation.ts';
import type { RowText } from '../job/row.ts';
import { runPlanSchema } from '../engine/run-schemas.ts';
import { checkPlanDigest, digestOf } from './stored-plan.ts';
import { type Clock, withDeadline } from '../../core/clock.ts';
import {
  Created,
  isItemMissing,
  isStorageConflict,
  isStorageRangeInvalid,
  storageCall,
} from '../../core/rows/table.ts';

const resultsContainer = 'results';
/** Size of the blocks of an export, in bytes. Two of them are in memory at most. */
const uploadBlockBytes = 4 * 1024 * 1024;
/**
 * Longest wait for a reply with all retries of the SDK, or for the next piece of a body, in milliseconds. The SDK has no
 * limit for either.
 */
const replyMs = 30_000;
/** The same for the rows of a tenant, which may have 32 MiB, and for a block of an export. */
const uploadMs = 120_000;

/**
 * Stores plans, rows and exports as blobs: `{runId}/plan.json`, `{runId}/rows/{tenantId}.{attempt}.jsonl`,
 * `{runId}/starts/…`, `{runId}/documents/…`, `{runId}/export.jsonl.gz` and `{runId}/export.csv.gz`. Short rows are in the
 * record of their tenant.
 */
export class BlobRunResults implements RunResults {
  readonly #container: Created<ContainerClient>;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly #shortRows: RunLog['shortRows'];

  /** @param container returns the client for a container name. The container is created on first use. */
  constructor(
    container: (name: string) => Promise<ContainerClient>,
    deps: { readonly clock: Clock; readonly newId: () => string } & Pick<RunLog, 'shortRows'>,
  ) {
    this.#clock = deps.clock;
    this.#newId = deps.newId;
    this.#shortRows = deps.shortRows;
    this.#container = new Created(
      () => container(resultsContainer),
      (client) => withDeadline(this.#clock, replyMs, (abortSignal) => client.createIfNotExists({ abortSignal })),
    );
  }

  async putPlan(runId: RunId, plan: RunPlan): Promise<StoredPlan> {
    const text = JSON.stringify(plan);
    try {
      const blob = await this.#blob(planName(runId));
      const options = { conditions: { ifNoneMatch: '*' }, ...contentType('application/json') };
      await this.#inTime((abortSignal) => blob.upload(text, Buffer.byteLength(text), { ...options, abortSignal }));
      return { ...plan, digest: digestOf(text) };
    } catch (thrown) {
      if (!isStorageConflict(thrown)) return storageCall(() => Promise.reject(thrown));
      return (await this.plan({ runId })) ?? { ...plan, digest: digestOf(text) };
    }
  }

  async plan(run: PlannedRun): Promise<StoredPlan | undefined> {
    try {
      const bytes = Buffer.concat(await Array.fromAsync(this.#read(planName(run.runId))));
      const digest = digestOf(bytes);
      // Before the text is parsed: it may be anything.
      checkPlanDigest(run, digest);
      return { ...runPlanSchema.parse(JSON.parse(bytes.toString('utf8'))), digest };
    } catch (thrown) {
      if (isItemMissing(thrown)) return undefined;
      return storageCall(() => Promise.reject(thrown));
    }
  }

  async putRows(runId: RunId, rowsName: string, jsonLines: RowText): Promise<void> {
    await storageCall(async () => {
      const blob = await this.#blob(blobName(runId, rowsName));
      const options = contentType('application/jsonl');
      const length = Buffer.byteLength(jsonLines);
      await this.#inTime((abortSignal) => blob.upload(jsonLines, length, { ...options, abortSignal }), uploadMs);
    });
  }

  async *rows(runId: RunId, rowsName: string, fromByte = 0): AsyncGenerator<string, void, undefined> {
    const remedy = `To read the other rows, leave out its tenant: except=${rowsName.split('.', 1)[0]}.`;
    const tenantId = tenantOfShortRows(rowsName);
    if (tenantId === undefined) return yield* this.#text(blobName(runId, rowsName), { fromByte }, remedy);
    const found = await this.#shortRows(runId, tenantId);
    if (found === undefined)
      throw new BrokerError('storage_unavailable', `The record of the tenant ${tenantId} has no rows. ${remedy}`);
    if (found.rowsName !== rowsName) throw wrongContinuation('names rows that a later attempt has replaced');
    yield Buffer.from(found.rowsText).toString('utf8', fromByte);
  }

  async putExport(runId: RunId, format: StoredFormat, text: AsyncIterable<string>): Promise<void> {
    const compressed = pipeline(Readable.from(text, { objectMode: false }), createGzip(), () => undefined);
    const uploadId = this.#newId();
    const blocks: string[] = [];
    try {
      const blob = await this.#blob(exportName(runId, format));
      // Not `uploadStream`, which passes no signal on, and so could wait for a block for ever.
      for await (const block of blocksOf(compressed)) {
        const id = Buffer.from(`${uploadId}${String(blocks.length).padStart(12, '0')}`).toString('base64');
        await this.#inTime((abortSignal) => blob.stageBlock(id, block, block.length, { abortSignal }), uploadMs);
        blocks.push(id);
      }
      const options = contentType('application/gzip');
      // The blob changes with this request.
      await this.#inTime((abortSignal) => blob.commitBlockList(blocks, { ...options, abortSignal }));
    } catch (thrown) {
      compressed.destroy();
      await storageCall(() => Promise.reject(thrown));
    }
  }

  async *export(runId: RunId, format: StoredFormat): AsyncGenerator<string, void, undefined> {
    yield* this.#text(exportName(runId, format), {
      decoded: (stream) => pipeline(stream, createGunzip(), () => undefined),
    });
  }

  async countStart(runId: RunId, work: string): Promise<number> {
    return storageCall(async () => {
      const container = await this.#container.client();
      const blob = container.getAppendBlobClient(`${runId}/starts/${work}`);
      try {
        await this.#inTime((abortSignal) => blob.create({ conditions: { ifNoneMatch: '*' }, abortSignal }));
        return 1;
      } catch (thrown) {
        if (!isStorageConflict(thrown)) throw thrown;
        // A byte for each start but the first.
        const { blobAppendOffset } = await this.#inTime((abortSignal) => blob.appendBlock('.', 1, { abortSignal }));
        return Number(blobAppendOffset) + 2;
      }
    });
  }

  async endWork(runId: RunId, work: string): Promise<void> {
    const blob = await this.#blob(`${runId}/starts/${work}`);
    await storageCall(() => this.#inTime((abortSignal) => blob.deleteIfExists({ abortSignal })));
  }

  async openWork(runId: RunId): Promise<ReadonlySet<string>> {
    const prefix = `${runId}/starts/`;
    const container = await storageCall(() => this.#container.client());
    const open = new Set<string>();
    for await (const { name } of this.#each(container.listBlobsFlat({ prefix }))) open.add(name.slice(prefix.length));
    return open;
  }

  async document(runId: RunId, name: string): Promise<StoredDocument | undefined> {
    try {
      const blob = await this.#blob(documentName(runId, name));
      return await this.#inTime(async (abortSignal) => {
        const { etag = '', readableStreamBody } = await blob.download(0, undefined, { abortSignal });
        const pieces = await Array.fromAsync(readableStreamBody ?? [], (piece) => Buffer.from(piece));
        return { text: Buffer.concat(pieces).toString('utf8'), version: etag };
      });
    } catch (thrown) {
      if (isItemMissing(thrown)) return undefined;
      return storageCall(() => Promise.reject(thrown));
    }
  }

  async putDocument(runId: RunId, name: string, text: string, version: string | undefined) {
    const conditions = version === undefined ? { ifNoneMatch: '*' } : { ifMatch: version };
    try {
      const blob = await this.#blob(documentName(runId, name));
      const options = { conditions, ...contentType('application/json') };
      const length = Buffer.byteLength(text);
      return (await this.#inTime((abortSignal) => blob.upload(text, length, { ...options, abortSignal }))).etag;
    } catch (thrown) {
      if (isStorageConflict(thrown)) return undefined;
      return storageCall(() => Promise.reject(thrown));
    }
  }

  async remove(runId: RunId): Promise<void> {
    const container = await storageCall(() => this.#container.client());
    for await (const { name } of this.#each(container.listBlobsFlat({ prefix: `${runId}/` }))) {
      await storageCall(() =>
        this.#inTime((abortSignal) => container.getBlobClient(name).deleteIfExists({ abortSignal })),
      );
    }
  }

  async *#text(name: string, part: BlobPart, remedy = ''): AsyncGenerator<string, void, undefined> {
    const decoder = new TextDecoder();
    try {
      for await (const piece of this.#read(name, part)) yield decoder.decode(piece, { stream: true });
      yield decoder.decode();
    } catch (thrown) {
      if (isStorageRangeInvalid(thrown)) return;
      const missing = `The blob ${resultsContainer}/${name} does not exist. ${remedy}`.trim();
      await storageCall(() => Promise.reject(thrown), isItemMissing(thrown) ? missing : undefined);
    }
  }

  /** @throws the failure of the SDK if there is no reply with a body; then BrokerError storage_unavailable. */
  async *#read(
    name: string,
    { fromByte = 0, decoded = (stream) => stream }: BlobPart = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const reading = new AbortController();
    try {
      const blob = await this.#blob(name);
      const reply = await this.#inTime(() => blob.download(fromByte, undefined, { abortSignal: reading.signal }));
      if (reply.readableStreamBody === undefined) return;
      for await (const piece of this.#each(decoded(reply.readableStreamBody)))
        yield typeof piece === 'string' ? Buffer.from(piece) : piece;
    } finally {
      // Ends the connection of a body that is not needed any more, or that stalls.
      reading.abort();
    }
  }

  /** Yields the items, each of which must arrive in time. The time that the reader takes does not count. */
  async *#each<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    const iterator = items[Symbol.asyncIterator]();
    for (;;) {
      const next = await storageCall(() => this.#inTime(() => iterator.next()));
      if (next.done === true) return;
      yield next.value;
    }
  }

  /** @throws DeadlineError */
  #inTime<T>(work: (abortSignal: AbortSignal) => Promise<T>, ms = replyMs): Promise<T> {
    return withDeadline(this.#clock, ms, work).catch((thrown: unknown) => this.#container.failed(thrown));
  }

  async #blob(name: string) {
    return (await this.#container.client()).getBlockBlobClient(name);
  }
}

interface BlobPart {
  readonly fromByte?: number;
  readonly decoded?: (stream: NodeJS.ReadableStream) => NodeJS.ReadableStream;
}

const planName = (runId: RunId): string => `${runId}/plan.json`;
const documentName = (runId: RunId, name: string): string => `${runId}/documents/${name}.json`;
const blobName = (runId: RunId, rowsName: string): string => `${runId}/rows/${rowsName}.jsonl`;
const exportName = (runId: RunId, format: StoredFormat): string => `${runId}/export.${format}.gz`;
const contentType = (blobContentType: string) => ({ blobHTTPHeaders: { blobContentType } });

/** Joins pieces into blocks of about `uploadBlockBytes`. */
async function* blocksOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let open: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces) {
    open.push(piece);
    size += piece.length;
    if (size < uploadBlockBytes) continue;
    yield Buffer.concat(open);
    open = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(open);
}
