import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import type { RegisteredFunction } from '../../../src/app/registry.ts';
import { BodyTooLargeError } from '../../../src/http/exchange.ts';
import { addressOf, type RequestAddress } from '../../../src/http/request-address.ts';
import type { HttpTriggerDeps } from '../../../src/http/routed-exchange.ts';
import { runStreamed } from '../../../src/http/streamed-trigger.ts';

// The invocation never ends, as in the library when its server does not receive the request.

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listening(serve: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(serve).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const target = {
  metadata: { name: 'streamed', bindings: { request: { type: 'httpTrigger', name: 'request', direction: 'in' } } },
} as unknown as RegisteredFunction;

async function stage(streamPort: number, maxBodyBytes = 1_000_000) {
  const forgotten: unknown[] = [];
  const invocation = new Promise<never>(() => undefined);
  const outcome = Promise.withResolvers<unknown>();
  const deps = {
    invoker: { invoke: () => invocation, forget: (running: unknown) => forgotten.push(running) },
    extraInputs: () => [],
    streamUrl: `http://127.0.0.1:${streamPort}`,
    maxBodyBytes,
    log: () => undefined,
    stopping: new AbortController().signal,
  } as unknown as HttpTriggerDeps;
  const arrived = Promise.withResolvers<void>();
  const port = await listening((request, response) => {
    const url = addressOf(request) as RequestAddress;
    arrived.resolve();
    runStreamed(deps, deps.streamUrl ?? '', target, { request, response, url, params: {} }).then(
      () => outcome.resolve('settled'),
      (thrown: unknown) => outcome.resolve(thrown),
    );
  });
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write('POST /api/streamed HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
  await arrived.promise;
  return { client, outcome: outcome.promise, forgotten, invocation };
}

it('settles when the client leaves before the library has the request', async () => {
  const { client, outcome, forgotten, invocation } = await stage(await listening(() => undefined));
  client.destroy();
  expect(await outcome).toBe('settled');
  expect(forgotten).toEqual([invocation]);
});

it('ends the forwarded request when the client leaves, also while the function works on it', async () => {
  const forwarded = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string>();
  const { client } = await stage(
    await listening((request, response) => {
      response.once('close', () => ended.resolve('ended'));
      request.resume().once('end', () => forwarded.resolve());
    }),
  );
  client.write('4\r\nbody\r\n0\r\n\r\n');
  await forwarded.promise;
  client.destroy();
  expect(await ended.promise).toBe('ended');
});

it('settles when the server of the library does not accept the request', async () => {
  const port = await listening(() => undefined);
  servers.pop()?.close();
  const { client, outcome, forgotten } = await stage(port);
  client.write('4\r\nbody\r\n0\r\n\r\n');
  expect(await outcome).toBe('settled');
  expect(forgotten).toHaveLength(1);
});

it('refuses a body that is too large while the function does not read it', async () => {
  const { client, outcome } = await stage(await listening(() => undefined), 10);
  client.write(`20\r\n${'x'.repeat(32)}\r\n`);
  expect(await outcome).toBeInstanceOf(BodyTooLargeError);
});
