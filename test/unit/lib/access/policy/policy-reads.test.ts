import { Readable } from 'node:stream';
import type { BlobClient } from '@azure/storage-blob';
import { describe, expect, it } from 'vitest';
import { maxPolicyLength } from '../../../../../src/lib/access/policy/parse-policy.ts';
import { policyFromBlob, policyFromFile } from '../../../../../src/lib/access/policy/policy-store.ts';

// policy-sources.test.ts reads files and the blobs of Azurite. This file checks which failures mean "no policy".

const { signal } = new AbortController();
const rejecting = (more: object) => () => Promise.reject(Object.assign(new Error('failed'), more));

describe('policyFromFile', () => {
  it('returns the text, with a tag that changes with it', async () => {
    const read = (text: string) => policyFromFile(() => Promise.resolve(text))(signal);
    const [one, same, other] = await Promise.all(['{"a":1}', '{"a":1}', '{"a":2}'].map(read));
    expect(one).toEqual({ text: '{"a":1}', etag: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(same).toEqual(one);
    expect(other?.etag).not.toBe(one?.etag);
  });

  it('finds no policy if there is no file, and fails otherwise', async () => {
    expect(await policyFromFile(rejecting({ code: 'ENOENT' }))(signal)).toBeUndefined();
    await expect(policyFromFile(rejecting({ code: 'EACCES' }))(signal)).rejects.toThrow('failed');
    await expect(policyFromFile(rejecting({}))(signal)).rejects.toThrow('failed');
  });
});

describe('policyFromBlob', () => {
  type Download = BlobClient['download'];
  const readBy = (download: (...args: Parameters<Download>) => Promise<unknown>) =>
    policyFromBlob({ download: download as Download })(signal);

  it('returns the text of all chunks, and reads one byte more than a policy may have', async () => {
    const asked: unknown[] = [];
    const text = '{"ü":1}';
    const bytes = Buffer.from(text);
    const found = await readBy((...args) => {
      asked.push(...args);
      // The first chunk ends within a character.
      return Promise.resolve({ readableStreamBody: Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]) });
    });
    expect(found).toEqual({ text, etag: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(asked).toEqual([0, maxPolicyLength + 1, { abortSignal: signal }]);
  });

  it('finds no policy if there is no blob, and fails otherwise', async () => {
    expect(await readBy(rejecting({ statusCode: 404 }))).toBeUndefined();
    await expect(readBy(rejecting({ statusCode: 403 }))).rejects.toThrow('failed');
    await expect(readBy(rejecting({}))).rejects.toThrow('failed');
  });
});
