import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { expect, it } from 'vitest';
import { policyFromBlob, policyFromFile } from '../../../../../src/lib/access/policy/policy-store.ts';
import { emptyAzurite } from '../../../../support/azurite.ts';
import { startTcpProxy } from '../../../../support/tcp-proxy.ts';

const signal = new AbortController().signal;

it('policyFromFile returns text and etag, undefined for a missing file, and throws for an unreadable one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-policy-'));
  const path = join(folder, 'access-policy.json');
  const read = policyFromFile(() => readFile(path, 'utf8'));
  expect(await read(signal)).toBeUndefined();
  await writeFile(path, '{"a":1}');
  const first = await read(signal);
  expect(first?.text).toBe('{"a":1}');
  expect(await read(signal)).toEqual(first);
  await writeFile(path, '{"a":2}');
  expect((await read(signal))?.etag).not.toBe(first?.etag);
  await rm(path);
  expect(await read(signal)).toBeUndefined();
  await rm(folder, { recursive: true });
  await expect(policyFromFile(() => readFile(tmpdir(), 'utf8'))(signal)).rejects.toThrow('EISDIR');
});

it('policyFromBlob returns text and etag, undefined for a missing blob, and throws if storage does not answer', async () => {
  const { connectionString, ports } = await emptyAzurite();
  const wire = await startTcpProxy(ports.blob);
  const container = BlobServiceClient.fromConnectionString(
    connectionString.replace(`:${ports.blob}/`, `:${wire.port}/`),
    { retryOptions: { maxTries: 1 } },
  ).getContainerClient('policy');
  const blob = container.getBlockBlobClient('access-policy.json');
  const read = policyFromBlob(blob);
  expect(await read(signal)).toBeUndefined();
  await container.create();
  expect(await read(signal)).toBeUndefined();
  const text = JSON.stringify({ note: 'ü'.repeat(200_000) });
  await blob.upload(text, Buffer.byteLength(text));
  const first = await read(signal);
  expect(first?.text).toBe(text);
  expect(await read(signal)).toEqual(first);
  await blob.delete();
  expect(await read(signal)).toBeUndefined();
  await wire.cut();
  await expect(read(signal)).rejects.toThrow(/ECONNREFUSED|socket hang up/);
});
