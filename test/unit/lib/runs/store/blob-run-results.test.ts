import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { ContainerClient } from '@azure/storage-blob';
import { afterEach, describe, expect, it } from 'vitest';
import { BlobRunResults } from '../../../../../src/lib/runs/store/blob-run-results.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

const runId = 'probe@w';
const text = '{"n":1}\n{"n":2}\n';
const plan = JSON.stringify({ job: 'probe', parameters: {}, attempt: [], decided: [] });
const contents: Readonly<Record<string, Buffer>> = {
  rows: Buffer.from(text),
  plan: Buffer.from(plan),
  export: gzipSync(text),
};

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Blobs on a server that answers the first request of a kind with `first`, and later ones correctly. */
async function blobs(method: 'GET' | 'PUT', first: Serve) {
  let isFirst = true;
  let arrived = (): void => undefined;
  const stalled = new Promise<void>((resolve) => (arrived = resolve));
  server = createServer((request, response) => {
    request.resume();
    const isCreation = request.url?.includes('restype=container') === true;
    if (request.method === method && !isCreation && isFirst) {
      isFirst = false;
      first(request, response);
      arrived();
    } else if (request.method === 'GET') answer(request, response, Number.POSITIVE_INFINITY);
    else response.writeHead(201, { etag: '"1"' }).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connection = `DefaultEndpointsProtocol=http;AccountName=store;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:${port}/store;`;
  const clock = new FakeClock();
  const results = new BlobRunResults(async (name) => new ContainerClient(connection, name), {
    clock,
    newId: () => '00000000-0000-4000-8000-000000000001',
    shortRows: async () => undefined,
  });
  return { results, clock, stalled };
}

/** Sends the headers, and the first bytes of the body. */
function answer(request: IncomingMessage, response: ServerResponse, bytes: number): void {
  const name = /rows|plan|export/.exec(request.url ?? '')?.[0] ?? '';
  const body = contents[name] ?? Buffer.alloc(0);
  response.writeHead(200, { 'content-length': body.length, etag: '"1"', 'last-modified': new Date(0).toUTCString() });
  if (bytes >= body.length) response.end(body);
  else response.write(body.subarray(0, bytes));
}

async function joined(pieces: AsyncIterable<string>): Promise<string> {
  let all = '';
  for await (const piece of pieces) all += piece;
  return all;
}

const reads: readonly (readonly [string, (results: BlobRunResults) => Promise<unknown>])[] = [
  ['rows', (results) => joined(results.rows(runId, 'rows'))],
  ['a plan', (results) => results.plan({ runId })],
  ['an export', (results) => joined(results.export(runId, 'jsonl'))],
];

describe.each(reads)('reading %s', (_what, read) => {
  it.each([
    ['does not answer', () => undefined],
    ['stops after the headers', (request, response) => answer(request, response, 0)],
    ['stops in the middle of the body', (request, response) => answer(request, response, 9)],
  ] satisfies [string, Serve][])('fails after 30 seconds if storage %s, and works again later', async (_how, serve) => {
    const { results, clock, stalled } = await blobs('GET', serve);
    const first = read(results).catch((thrown: unknown) => thrown);
    await stalled;
    // The bytes that were sent may not have arrived when the clock moves, and a piece of the body begins a new wait.
    const ended: unknown[] = [];
    void first.then((outcome) => ended.push(outcome));
    for (let waits = 0; waits < 200 && ended.length === 0; waits += 1) await clock.advance(30_000);
    expect(ended[0]).toMatchObject({ code: 'storage_unavailable' });
    await expect(read(results)).resolves.toBeDefined();
  });
});

const parts: readonly (readonly [string, (results: BlobRunResults) => AsyncIterable<string>])[] = [
  ['rows', (results) => results.rows(runId, 'rows')],
  ['an export', (results) => results.export(runId, 'jsonl')],
];

it.each(parts)('a reader of %s that stops early ends the download', async (_what, read) => {
  const closed = Promise.withResolvers<void>();
  const { results } = await blobs('GET', (request, response) => {
    response.once('close', () => closed.resolve());
    const name = /rows|export/.exec(request.url ?? '')?.[0] ?? '';
    const body = contents[name] ?? Buffer.alloc(0);
    // More is to come.
    response.writeHead(200, { 'content-length': body.length + 1, etag: '"1"' }).write(body);
  });
  for await (const piece of read(results)) {
    expect(piece).toContain('{"n":1}');
    break;
  }
  await closed.promise;
});

const writes: readonly (readonly [string, (results: BlobRunResults) => Promise<unknown>])[] = [
  ['rows', (results) => results.putRows(runId, 'rows', text)],
  ['an export', (results) => results.putExport(runId, 'jsonl', Readable.from([text]))],
];

it('closes what an export is made of if storage cannot be reached', async () => {
  const closed = Promise.withResolvers<void>();
  async function* endless(): AsyncGenerator<string, void, undefined> {
    try {
      for (;;) yield text;
    } finally {
      closed.resolve();
    }
  }
  const noStorage = async (): Promise<never> => Promise.reject(new Error('no storage'));
  const results = new BlobRunResults(noStorage, {
    clock: new FakeClock(),
    newId: () => '1',
    shortRows: async () => undefined,
  });
  await expect(results.putExport(runId, 'jsonl', endless())).rejects.toThrow();
  await closed.promise;
});

describe.each(writes)('writing %s', (_what, write) => {
  it('fails if storage does not confirm it within two minutes, and works again later', async () => {
    const { results, clock, stalled } = await blobs('PUT', () => undefined);
    const first = write(results).catch((thrown: unknown) => thrown);
    await stalled;
    await clock.advance(120_000);
    expect(await first).toMatchObject({ code: 'storage_unavailable' });
    await expect(write(results)).resolves.toBeUndefined();
  });
});
