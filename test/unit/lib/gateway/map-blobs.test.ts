import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { MapBlobs } from '../../../../src/lib/gateway/map-store.ts';
import { maximumStoredLength } from '../../../../src/lib/judge/stored-map.ts';

const current = 'permission-map.json';
const previous = 'permission-map.previous.json';
const refusal = (statusCode: number) => Object.assign(new Error(`HTTP ${statusCode}`), { statusCode });

let stored: Map<string, { text: string; etag: string }>;
let isContainerThere: boolean;
let failure: Error | undefined;
let asked: unknown[];
let types: (string | undefined)[];
let versions: number;
beforeEach(() => {
  stored = new Map();
  isContainerThere = true;
  failure = undefined;
  asked = [];
  types = [];
  versions = 0;
});

/** A container in memory. */
const container = {
  getBlobClient: (name: string) => ({
    download: async (from: number, count: number, options: { conditions?: { ifNoneMatch?: string } }) => {
      asked.push([name, from, count, options]);
      if (failure !== undefined) throw failure;
      const blob = stored.get(name);
      if (blob === undefined) throw refusal(404);
      if (blob.etag === options.conditions?.ifNoneMatch) throw refusal(304);
      const bytes = Buffer.from(blob.text);
      return { etag: blob.etag, readableStreamBody: Readable.from([bytes.subarray(0, 2), bytes.subarray(2)]) };
    },
    delete: async () => {
      if (failure !== undefined) throw failure;
      if (!stored.delete(name)) throw refusal(404);
    },
  }),
  getBlockBlobClient: (name: string) => ({
    upload: async (text: string, length: number, options: { blobHTTPHeaders?: { blobContentType?: string } }) => {
      if (!isContainerThere) throw refusal(404);
      if (failure !== undefined) throw failure;
      expect(length).toBe(Buffer.byteLength(text));
      types.push(options.blobHTTPHeaders?.blobContentType);
      stored.set(name, { text, etag: `v${(versions += 1)}` });
    },
  }),
  createIfNotExists: async () => {
    isContainerThere = true;
  },
};
const blobs = new MapBlobs(async () => container as never);
const texts = () => Object.fromEntries([...stored].map(([name, { text }]) => [name, text]));

describe('MapBlobs.read', () => {
  it('returns the text with its tag, and whether it has changed since', async () => {
    expect(await blobs.read()).toBeUndefined();
    await blobs.replace('{"ü":1}');
    expect(await blobs.read()).toEqual({ text: '{"ü":1}', etag: 'v1' });
    expect(await blobs.read('v1')).toBe('unchanged');
    expect(await blobs.read('v0')).toEqual({ text: '{"ü":1}', etag: 'v1' });
  });

  it('reads one byte more than a map may have, and can be ended', async () => {
    const { signal } = new AbortController();
    await blobs.read(undefined, signal);
    await blobs.read('v1');
    expect(asked).toEqual([
      [current, 0, maximumStoredLength + 1, { abortSignal: signal }],
      [current, 0, maximumStoredLength + 1, { conditions: { ifNoneMatch: 'v1' } }],
    ]);
  });

  it('fails with the error of storage', async () => {
    failure = refusal(403);
    await expect(blobs.read('v1')).rejects.toBe(failure);
  });
});

describe('MapBlobs.replace', () => {
  it('keeps the map that it replaces', async () => {
    await blobs.replace('one');
    expect(texts()).toEqual({ [current]: 'one' });
    await blobs.replace('two');
    expect(texts()).toEqual({ [current]: 'two', [previous]: 'one' });
    expect(new Set(types)).toEqual(new Set(['application/json']));
  });

  it('keeps none if there was none, so that rolling back leads to the built-in map', async () => {
    stored.set(previous, { text: 'old', etag: 'v0' });
    await blobs.replace('one');
    expect(texts()).toEqual({ [current]: 'one' });
  });

  it('makes the container if the account has none', async () => {
    isContainerThere = false;
    await blobs.replace('one');
    expect(texts()).toEqual({ [current]: 'one' });
  });

  it('fails with the error of storage', async () => {
    stored.set(current, { text: 'one', etag: 'v0' });
    failure = refusal(409);
    await expect(blobs.replace('two')).rejects.toBe(failure);
    expect(texts()).toEqual({ [current]: 'one' });
  });
});

describe('MapBlobs.rollBack', () => {
  it('exchanges the two maps', async () => {
    await blobs.replace('one');
    await blobs.replace('two');
    expect(await blobs.rollBack()).toMatchObject({ text: 'one' });
    expect(texts()).toEqual({ [current]: 'one', [previous]: 'two' });
    expect(await blobs.rollBack()).toMatchObject({ text: 'two' });
  });

  it('returns to the built-in map before the first one, and back', async () => {
    await blobs.replace('one');
    expect(await blobs.rollBack()).toBe('built-in');
    expect(texts()).toEqual({ [previous]: 'one' });
    expect(await blobs.rollBack()).toMatchObject({ text: 'one' });
    expect(texts()).toEqual({ [current]: 'one' });
  });

  it('has nothing to do without any map', async () => {
    expect(await blobs.rollBack()).toBeUndefined();
    expect(texts()).toEqual({});
  });
});
