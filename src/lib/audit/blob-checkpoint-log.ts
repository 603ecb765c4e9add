import type { ContainerClient } from '@azure/storage-blob';
import { BrokerError } from '../model/errors.ts';
import { once } from '../runtime/once.ts';
import { isStorageConflict, isStorageMissing, storageCall } from '../runtime/storage-call.ts';
import type { CheckpointLog, CheckpointPage, StoredCheckpoint } from './checkpoint-log.ts';

/** The container of the checkpoints. infra/app/storage.bicep gives it a retention policy. */
export const checkpointContainer = 'audit-checkpoints';

/** Checkpoints in one blob: about a day. An append blob may have 50,000 blocks. */
const checkpointsPerBlob = 288;

const nameOf = (blob: number): string => `checkpoints-${String(blob).padStart(7, '0')}.jsonl`;
const namePattern = /^checkpoints-(\d{7})\.jsonl$/;
const contentType = 'application/jsonl';

interface BlobFacts {
  readonly number: number;
  readonly changedMs: number;
  /** Bytes when it was listed. It only grows. */
  readonly size: number;
}

/**
 * The checkpoints as lines of append blobs. The number of a checkpoint says which blob it is in, and it is only appended at
 * the position after the one before. So of two instances that write the same checkpoint one fails, whatever the times.
 * A retention policy that protects the blobs lets them grow ("Container-level WORM policies", allowProtectedAppendWrites).
 */
export function createBlobCheckpointLog(container: () => Promise<ContainerClient>): CheckpointLog {
  const open = once(container);
  const blobs = async (): Promise<BlobFacts[]> => {
    const found: BlobFacts[] = [];
    for await (const { name, properties } of (await open()).listBlobsFlat({ prefix: 'checkpoints-' })) {
      const [, number] = namePattern.exec(name) ?? [];
      if (number !== undefined)
        found.push({
          number: Number(number),
          changedMs: properties.lastModified.getTime(),
          size: properties.contentLength ?? 0,
        });
    }
    return found;
  };
  const read = async (number: number, offset = 0): Promise<string> =>
    (await (await open()).getBlobClient(nameOf(number)).downloadToBuffer(offset)).toString('utf8');
  return {
    last: () => storageCall(async () => lastOf(await unlessMissing(blobs, []), read), unreadable),
    append: (jws, number, before) =>
      storageCall(
        async () => appendLine(await open(), jws, { number, before }),
        'The checkpoint could not be written.',
      ),
    page: (fromMs, continuation) =>
      storageCall(async () => pageOf(await unlessMissing(blobs, []), read, { fromMs, continuation }), unreadable),
  };
}

const unreadable = 'The checkpoints of the audit log could not be read.';

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** Enough for several checkpoints of a large fleet. */
const tailBytes = 256 * 1024;

async function lastOf(
  blobs: readonly BlobFacts[],
  read: (blob: number, offset: number) => Promise<string>,
): Promise<StoredCheckpoint | undefined> {
  // A blob is created before its first line is appended.
  const newest = blobs.filter(({ size }) => size > 0).reduce<BlobFacts | undefined>(later, undefined);
  if (newest === undefined) return undefined;
  for (let offset = Math.max(0, newest.size - tailBytes); ; offset = 0) {
    const text = await read(newest.number, offset);
    const lines = linesOf(text);
    const jws = lines.at(-1);
    // The first line of a tail is incomplete.
    if (jws !== undefined && (offset === 0 || lines.length > 1))
      return { jws, position: offset + Buffer.byteLength(text) };
    if (offset === 0) return undefined;
  }
}

const later = (one: BlobFacts | undefined, other: BlobFacts): BlobFacts =>
  one === undefined || other.number > one.number ? other : one;

interface Next {
  readonly number: number;
  readonly before: StoredCheckpoint | undefined;
}

/** @returns whether the line is there, also if an earlier try whose reply was lost has put it there. */
async function appendLine(container: ContainerClient, jws: string, { number, before }: Next): Promise<boolean> {
  const index = Math.floor((number - 1) / checkpointsPerBlob);
  const blob = container.getAppendBlobClient(nameOf(index));
  const isFirst = (number - 1) % checkpointsPerBlob === 0;
  const position = isFirst ? 0 : (before?.position ?? 0);
  const line = `${jws}\n`;
  const append = async (): Promise<void> => {
    await blob.appendBlock(line, Buffer.byteLength(line), { conditions: { appendPosition: position } });
  };
  const create = async (): Promise<void> => {
    const options = { conditions: { ifNoneMatch: '*' }, blobHTTPHeaders: { blobContentType: contentType } };
    await blob.create(options).catch((thrown: unknown) => ignoreConflict(thrown));
  };
  try {
    await append().catch(async (thrown: unknown) => {
      if (!isFirst || !isStorageMissing(thrown)) throw thrown;
      await create().catch(async (missing: unknown) => {
        // Only an account that no template deployed lacks the container.
        if (!isStorageMissing(missing)) throw missing;
        await container.createIfNotExists();
        await create();
      });
      await append();
    });
    return true;
  } catch (thrown) {
    if (!isStorageConflict(thrown)) throw thrown;
    const there = (await blob.downloadToBuffer(position)).toString('utf8');
    return there.startsWith(line);
  }
}

function ignoreConflict(thrown: unknown): void {
  if (!isStorageConflict(thrown)) throw thrown;
}

async function pageOf(
  blobs: readonly BlobFacts[],
  read: (blob: number) => Promise<string>,
  { fromMs, continuation }: { readonly fromMs: number; readonly continuation: string | undefined },
): Promise<CheckpointPage> {
  const sorted = blobs.toSorted((one, other) => one.number - other.number);
  const start = continuation === undefined ? startAt(sorted, fromMs) : Number(continuation);
  if (!Number.isInteger(start))
    throw new BrokerError('request_invalid', 'The continuation is not valid. Send the one from the previous page.');
  const found = sorted.find(({ number }) => number >= start);
  if (found === undefined) return { checkpoints: [] };
  const checkpoints = linesOf(await read(found.number));
  const next = sorted.find(({ number }) => number > found.number);
  return next === undefined ? { checkpoints } : { checkpoints, continuation: String(next.number) };
}

/** The blob before the first that was written after this time: its last checkpoint is from before. */
function startAt(sorted: readonly BlobFacts[], fromMs: number): number {
  const first = sorted.find(({ changedMs }) => changedMs >= fromMs);
  return Math.max(0, (first ?? sorted.at(-1))?.number ?? 0) - (first === undefined ? 0 : 1);
}

async function unlessMissing<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (isStorageMissing(thrown)) return otherwise;
    throw thrown;
  }
}
