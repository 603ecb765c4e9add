import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createStorage } from '../../../../src/lib/config/storage.ts';
import { clouds } from '../../../../src/lib/core/resources.ts';
import { DeadlineError } from '../../../../src/lib/core/clock.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const cloud = clouds.public;
const clock = new FakeClock();
const identity = async () => ({ getToken: () => Promise.resolve(null) });
const key = Buffer.from('key').toString('base64');
const connectionTo = (scheme: string, host: string): string =>
  `DefaultEndpointsProtocol=${scheme};AccountName=store;AccountKey=${key};` +
  `BlobEndpoint=${scheme}://${host}/blob;TableEndpoint=${scheme}://${host}/table;`;

describe('createStorage', () => {
  test('uses a configured connection string without requesting an identity', async () => {
    const settings = { cloud, AzureWebJobsStorage: connectionTo('http', '127.0.0.1:10000') };
    const storage = createStorage(settings, () => Promise.reject(new Error('no identity may be requested')), clock);
    expect((await storage.table('Audit')).url).toBe('http://127.0.0.1:10000/table');
    expect((await storage.container('runs')).url).toBe('http://127.0.0.1:10000/blob/runs');
  });

  test('allows a connection without TLS to this machine', async () => {
    const paths: unknown[] = [];
    const server = createServer((request, response) => {
      paths.push(request.url);
      response.writeHead(204).end();
    }).listen(0);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (const host of ['127.0.0.1', 'localhost']) {
      const settings = { cloud, AzureWebJobsStorage: connectionTo('http', `${host}:${port}`) };
      await (await createStorage(settings, identity, clock).table('Audit')).createEntity({
        partitionKey: 'p',
        rowKey: 'r',
      });
    }
    server.close();
    expect(paths).toHaveLength(2);
  });

  test('gives up a table that does not finish its reply within 30 seconds', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{');
    }).listen(0);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const own = new FakeClock();
    const settings = { cloud, AzureWebJobsStorage: connectionTo('http', `127.0.0.1:${port}`) };
    const table = await createStorage(settings, identity, own).table('Runs');
    const reading = table.getEntity('p', 'r').catch((thrown: unknown) => thrown);
    await once(server, 'request');
    await own.advance(30_000);
    expect(await reading).toBeInstanceOf(DeadlineError);
    server.closeAllConnections();
    server.close();
  });

  test.each(['127.0.0.1.example.com', 'localhost.example.com', 'store.example.com'])(
    'refuses a connection without TLS to %s',
    async (host) => {
      const settings = { cloud, AzureWebJobsStorage: connectionTo('http', host) };
      const table = await createStorage(settings, identity, clock).table('Audit');
      await expect(table.createEntity({ partitionKey: 'p', rowKey: 'r' })).rejects.toThrow(/allowInsecureConnection/);
    },
  );

  test('prefers configured service addresses to those derived from the account name', async () => {
    const storage = createStorage(
      {
        cloud,
        AzureWebJobsStorage__accountName: 'store',
        AzureWebJobsStorage__blobServiceUri: 'https://blobs.private.example/',
        AzureWebJobsStorage__tableServiceUri: 'https://tables.private.example//',
      },
      identity,
      clock,
    );
    expect((await storage.table('Audit')).url).toBe('https://tables.private.example');
    expect((await storage.container('runs')).url).toBe('https://blobs.private.example/runs');
  });

  test('names the missing setting when no storage is configured', async () => {
    const storage = createStorage({ cloud }, identity, clock);
    await expect(storage.table('Audit')).rejects.toMatchObject({
      code: 'config_invalid',
      detail: 'AzureWebJobsStorage__tableServiceUri: is missing.',
    });
    await expect(storage.container('runs')).rejects.toMatchObject({
      detail: 'AzureWebJobsStorage__blobServiceUri: is missing.',
    });
  });
});
