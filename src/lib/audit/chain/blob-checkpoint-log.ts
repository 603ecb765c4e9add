import type { BlobClient, ContainerClient } from '@azure/storage-blob';
import { once } from '../../core/single-flight.ts';
import { httpStatusOf } from '../../core/outbound.ts';
import { wrongContinuation } from '../../core/rows/continuation.ts';
import { isStorageConflict, isStorageMissing, storageCall, unlessMissing } from '../../core/rows/table.ts';
import {
  type BlobEnd,
  type CheckpointLog,
  type CheckpointPage,
  type IsOwn,
  partOf,
  type StoredCheckpoint,
} from './checkpoint-log.ts';

/** The container of the checkpoints. infra/app/storage.bicep gives it a retention policy. */
export const checkpointContainer = 'audit-checkpoints';

/** Checkpoints in one blob: about a day. An append blob may have 50,000 blocks. */
const checkpointsPerBlob = 288;

const nameOf = (blob: number): string => `checkpoints-${String(blob).padStart(7, '0')}.jsonl`;
const namePattern = /^checkpoints-(\d{7})\.jsonl$/;
const contentType = 'application/jsonl';

interface BlobFacts {
  readonly number: number;
  readonly createdMs: number;
  readonly changedMs: number;
  /** Bytes when it was listed. It only grows. */
  readonly size: number;
}

/**
 * The checkpoints as lines of append blobs. The number of a checkpoint says which blob it is in, and it is only appended at
 * the end that was read with the one before. So of two instances that write the same checkpoint one fails, whatever the times.
 * A retention policy that protects the blobs lets them grow ("Container-level WORM policies", allowProtectedAppendWrites), so
 * others may have appended lines, too.
 */
export function createBlobCheckpointLog(container: () => Promise<ContainerClient>): CheckpointLog {
  const open = once(container);
  const starts: Starts = new Map();
  let isThere = false;
  const list = async (): Promise<BlobFacts[]> => {
    const found: BlobFacts[] = [];
    for await (const { name, properties } of (await open()).listBlobsFlat({ prefix: 'checkpoints-' })) {
      const [, number] = namePattern.exec(name) ?? [];
      const size = properties.contentLength ?? 0;
      // A blob is created before its first line is appended.
      if (number !== undefined && size > 0)
        found.push({
          number: Number(number),
          createdMs: properties.createdOn?.getTime() ?? 0,
          changedMs: properties.lastModified.getTime(),
          size,
        });
    }
    isThere = true;
    return found.toSorted((one, other) => one.number - other.number);
  };
  /** None before the container is created. After somebody has deleted it, the first list fails. */
  const blobs = async (): Promise<readonly BlobFacts[]> => {
    const found = await unlessMissing(list, (thrown) => !isThere && isStorageMissing(thrown)).catch(
      (thrown: unknown) => {
        isThere = false;
        throw thrown;
      },
    );
    return found ?? [];
  };
  return {
    last: (isOwn) =>
      storageCall(async () => {
        const found = await blobs();
        return found.length === 0 ? undefined : lastOf(await open(), found, isOwn);
      }, unreadable),
    append: (jws, number, before) =>
      storageCall(
        async () => appendLine(await open(), jws, { number, before }),
        'The checkpoint could not be written.',
      ),
    page: (fromMs, isOwn, continuation) =>
      storageCall(async () => {
        const [opened, found] = [await open(), await blobs()];
        const start = async (): Promise<string> => `${await startAt(opened, found, { fromMs, isOwn, starts })}.0`;
        return pageOf(opened, found, continuation ?? (await start()));
      }, unreadable),
  };
}

const unreadable = 'The checkpoints of the audit log could not be read.';

const lineFeed = 10;
const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** First part of the end of a blob to read. Enough for several checkpoints of a large fleet. */
const tailBytes = 256 * 1024;

/** The newest checkpoint that the app has written. Blobs and lines after it are foreign. */
async function lastOf(
  container: ContainerClient,
  blobs: readonly BlobFacts[],
  isOwn: IsOwn,
): Promise<StoredCheckpoint | undefined> {
  const positions = new Map<number, BlobEnd>();
  for (const [index, { number, size }] of blobs.toReversed().entries()) {
    const blob = container.getAppendBlobClient(nameOf(number));
    const { blobCommittedBlockCount: blocks } = await blob.getProperties();
    const tail = await tailOf(blob, size);
    const newest = tail.lines.at(-1);
    // Each checkpoint is one block, so with this number there is no line in the blob that the app has not written.
    if (
      newest !== undefined &&
      numberOf(newest) === number * checkpointsPerBlob + (blocks ?? 0) &&
      (await isOwn(newest))
    )
      return { jws: newest, position: tail.end, positions, hasForeign: index > 0 };
    const whole = await tailOf(blob, size, true);
    positions.set(number, { position: whole.end, isWhole: whole.isWhole });
    const jws = await newestOwn(whole.lines, number, isOwn);
    if (jws === undefined) continue;
    // Without other lines, another instance has appended one meanwhile.
    const hasForeign = index > 0 || whole.lines.length !== numberOf(jws) - number * checkpointsPerBlob;
    return { jws, position: whole.end, positions, hasForeign };
  }
  return { position: 0, positions, hasForeign: true };
}

/** The number that a line claims; NaN if none. */
function numberOf(jws: string): number {
  const { number } = partOf(jws, 1);
  return typeof number === 'number' ? number : Number.NaN;
}

const blobOf = (number: number): number => Math.floor((number - 1) / checkpointsPerBlob);

/** The checkpoint with the largest number. An older one may have been appended again. */
async function newestOwn(lines: readonly string[], blob: number, isOwn: IsOwn): Promise<string | undefined> {
  const known = lines
    .map((jws) => ({ jws, number: numberOf(jws) }))
    .filter(({ number }) => blobOf(number) === blob)
    .toSorted((one, other) => other.number - one.number);
  for (const { jws } of known) if (await isOwn(jws)) return jws;
  return undefined;
}

interface Tail {
  readonly lines: readonly string[];
  /** Bytes in the blob with it. */
  readonly end: number;
  /** Whether its last line is complete. */
  readonly isWhole: boolean;
}

/** The end of a blob, with one complete line at least, or all of it. */
async function tailOf(blob: BlobClient, size: number, isWhole = false): Promise<Tail> {
  for (let bytes = isWhole ? size : tailBytes; ; bytes *= 2) {
    const offset = Math.max(0, size - bytes);
    const read = await blob.downloadToBuffer(offset);
    // The first line of a tail may be incomplete.
    const start = offset === 0 ? 0 : read.indexOf('\n') + 1 || read.length;
    const lines = linesOf(read.toString('utf8', start));
    if (offset === 0 || lines.length > 0)
      return { lines, end: offset + read.length, isWhole: read.at(-1) === lineFeed };
  }
}

interface Next {
  readonly number: number;
  readonly before: StoredCheckpoint | undefined;
}

/** @returns whether the line is there, also if an earlier try whose reply was lost has put it there. */
async function appendLine(container: ContainerClient, jws: string, { number, before }: Next): Promise<boolean> {
  const index = blobOf(number);
  const blob = container.getAppendBlobClient(nameOf(index));
  const isFirst = (number - 1) % checkpointsPerBlob === 0;
  const end = before?.positions?.get(index);
  const position = end?.position ?? (isFirst ? 0 : (before?.position ?? 0));
  const line = `${end?.isWhole === false ? '\n' : ''}${jws}\n`;
  const append = async (): Promise<void> => {
    await blob.appendBlock(line, Buffer.byteLength(line), { conditions: { appendPosition: position } });
  };
  const create = async (): Promise<void> => {
    const options = { conditions: { ifNoneMatch: '*' }, blobHTTPHeaders: { blobContentType: contentType } };
    await blob.create(options).catch((thrown: unknown) => ignoreConflict(thrown));
  };
  try {
    await append().catch(async (thrown: unknown) => {
      if (position > 0 || !isStorageMissing(thrown)) throw thrown;
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
    // Any other conflict is none with another instance: the blob is not one of the app's.
    if (httpStatusOf(thrown) !== 412) throw thrown;
    const there = (await blob.downloadToBuffer(position)).toString('utf8');
    return there.startsWith(line);
  }
}

function ignoreConflict(thrown: unknown): void {
  if (!isStorageConflict(thrown)) throw thrown;
}

/** First part of a blob to read for one page. */
const pageBytes = 1024 * 1024;
const continuationPattern = /^(\d{1,7})\.(\d{1,15})$/;

/** @param place as in a continuation: the number of a blob, and the byte in it. */
async function pageOf(container: ContainerClient, blobs: readonly BlobFacts[], place: string): Promise<CheckpointPage> {
  const [, number, byte] = continuationPattern.exec(place) ?? [];
  if (number === undefined) throw wrongContinuation('is not valid');
  const index = blobs.findIndex((blob) => blob.number >= Number(number));
  const found = blobs[index];
  if (found === undefined) return { checkpoints: [] };
  const offset = found.number === Number(number) ? Math.min(Number(byte), found.size) : 0;
  const text = await linesFrom(container.getBlobClient(nameOf(found.number)), offset, found.size);
  const end = offset + text.length;
  const next = blobs[index + 1];
  const following = end < found.size ? `${found.number}.${end}` : next === undefined ? undefined : `${next.number}.0`;
  // A checkpoint in another blob than its own is a copy that others have appended.
  const checkpoints = linesOf(text.toString('utf8')).filter((jws) => {
    const place = blobOf(numberOf(jws));
    return Number.isNaN(place) || place === found.number;
  });
  return following === undefined ? { checkpoints } : { checkpoints, continuation: following };
}

/** Complete lines from a byte on, one at least. */
async function linesFrom(blob: BlobClient, offset: number, size: number, least = pageBytes): Promise<Buffer> {
  if (offset >= size) return Buffer.alloc(0);
  for (let bytes = least; ; bytes *= 2) {
    const count = Math.min(bytes, size - offset);
    const text = await blob.downloadToBuffer(offset, count);
    const end = text.lastIndexOf('\n') + 1;
    if (offset + count === size) return text;
    if (end > 0) return text.subarray(0, end);
  }
}

/** First part of a blob in which its first checkpoint is looked for. */
const startBytes = 16 * 1024;

/**
 * When the first checkpoint of a blob was written; undefined if none of the app is found where it should be. By number, time of
 * creation, and how much of the blob was there: nothing of that changes.
 */
type Starts = Map<string, number | undefined>;

interface Start {
  readonly fromMs: number;
  readonly isOwn: IsOwn;
  readonly starts: Starts;
}

/**
 * The number of the blob with which reading from a time begins: the one before the last that begins before it, so that all
 * checkpoints of a blob come before the time. The times of storage say from where on to search: nothing was written to a blob
 * after its last change. Once an account was restored they are all new, so from there on the checkpoints themselves say it.
 */
async function startAt(container: ContainerClient, sorted: readonly BlobFacts[], start: Start): Promise<number> {
  const changed = sorted.findIndex(({ changedMs }) => changedMs >= start.fromMs);
  let [low, high] = [changed === -1 ? sorted.length : changed, sorted.length];
  // The times of storage are right mostly, so the next blob is asked first.
  for (let step = 1; low + 1 < high; step *= 2) {
    const probe = Math.min(low + step, (low + high) >> 1);
    // One whose start is not known says nothing, so the next ones are asked, and then those before.
    const asked = [...sorted.slice(probe, high), ...sorted.slice(low + 1, probe).toReversed()];
    const known = await firstKnown(container, asked, start);
    if (known === undefined) break;
    const at = sorted.indexOf(known.blob);
    if (known.ms < start.fromMs) low = at;
    else high = at;
  }
  return sorted[Math.max(0, low - 1)]?.number ?? 0;
}

async function firstKnown(container: ContainerClient, blobs: readonly BlobFacts[], start: Start) {
  for (const blob of blobs) {
    const ms = await startOf(container, blob, start);
    if (ms !== undefined) return { blob, ms };
  }
  return undefined;
}

async function startOf(
  container: ContainerClient,
  { number, createdMs, size }: BlobFacts,
  { isOwn, starts }: Start,
): Promise<number | undefined> {
  const name = `${number} ${createdMs} ${Math.min(size, startBytes)}`;
  if (starts.has(name)) return starts.get(name);
  const text = await linesFrom(container.getBlobClient(nameOf(number)), 0, size, startBytes);
  let ms: number | undefined;
  for (const jws of linesOf(text.toString('utf8'))) {
    // An older one may have been appended again.
    if (blobOf(numberOf(jws)) !== number || !(await isOwn(jws))) continue;
    ms = Date.parse(String(partOf(jws, 1)['at']));
    break;
  }
  starts.set(name, ms);
  return ms;
}
