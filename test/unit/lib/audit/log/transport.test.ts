import { Agent, createServer, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { createDefaultHttpClient, createHttpHeaders, createPipelineRequest } from '@azure/core-rest-pipeline';
import { AzureNamedKeyCredential, TableClient } from '@azure/data-tables';
import { afterEach, describe, expect, it } from 'vitest';
import { toRow } from '../../../../../src/lib/audit/log/audit-row.ts';
import { loadTransport, type Transport, writeRows } from '../../../../../src/lib/audit/log/insert-rows.ts';
import { type Clock, systemClock } from '../../../../../src/lib/core/clock.ts';
import { auditStartMs, guid, issued } from '../../../../support/audit-entries.ts';

const { partitionKey, rowKey, ...columns } = toRow(issued({ tokenId: guid(1), atMs: auditStartMs }), guid(1));
const rows = [JSON.stringify({ PartitionKey: partitionKey, RowKey: rowKey, ...columns })];

const ended = new AbortController();
/** On a busy machine, an answer may take longer than an attempt may. */
const patient: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms < 1000 ? ms : 60 * ms, signal) };
const stop: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of stop.splice(0)) await end();
});

/** Starts a server that ends its connections with the test. */
async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stop.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** The client of the SDK alone, as the reference. */
const standard = async (): Promise<Transport> => ({
  client: createDefaultHttpClient(),
  createRequest: (options, headers) => createPipelineRequest({ ...options, headers: createHttpHeaders(headers) }),
});

const part = '--c\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--c--\r\n';
const headers = { 'content-type': 'multipart/mixed; boundary=c' };
const stored = (response: ServerResponse): void => void response.writeHead(202, headers).end(part);

type Behaviour = (response: ServerResponse, body: string, times: number) => void;

/** Each tells what storage, or a machine on the way to it, does. The last behaviour repeats. */
const behaviours: Record<string, Behaviour> = {
  'stores the rows': stored,
  'answers in many pieces': (response) => {
    response.writeHead(202, headers);
    for (const character of part) response.write(character);
    response.end();
  },
  'compresses its answer': (response) =>
    void response.writeHead(202, { ...headers, 'content-encoding': 'gzip' }).end(gzipSync(Buffer.from(part))),
  'speaks HTTP/1.0': (response) =>
    void response.socket?.end(`HTTP/1.0 202 Accepted\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n${part}`),
  'sends a cookie twice': (response) =>
    void response.writeHead(202, { ...headers, 'set-cookie': ['a=1', 'b=2'] }).end(part),
  'resets the connection before it answers, once': (response, _, times) =>
    times === 1 ? void response.socket?.resetAndDestroy() : stored(response),
  'resets the connection in the middle of its answer, once': (response, _, times) => {
    if (times > 1) return stored(response);
    response.writeHead(202, { ...headers, 'content-length': part.length });
    response.write(part.slice(0, 20), () => response.socket?.resetAndDestroy());
  },
  'ends the connection too early, once': (response, _, times) => {
    if (times > 1) return stored(response);
    response.socket?.end(
      `HTTP/1.1 202 Accepted\r\nContent-Type: multipart/mixed; boundary=c\r\nContent-Length: ${part.length}\r\n\r\n${part.slice(0, 20)}`,
    );
  },
  'is busy, once': (response, _, times) =>
    times > 1
      ? stored(response)
      : void response.writeHead(503, { 'retry-after': '0' }).end('{"odata.error":{"code":"ServerBusy"}}'),
  'refuses the signature': (response) =>
    void response.writeHead(403).end('{"odata.error":{"code":"AuthenticationFailed"}}'),
  'redirects to another account': (response) => void response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
  'speaks no HTTP': (response) => void response.socket?.end('hello\r\n'),
};

const fails = ['refuses the signature', 'redirects to another account', 'speaks no HTTP'];

/** What came of one write, and what storage received. */
async function write(makeTransport: () => Promise<Transport>, behave: Behaviour) {
  const bodies: string[] = [];
  const port = await serve((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(`${request.method} ${request.url} ${request.headers['content-length']} ${body}`);
      behave(response, body, bodies.length);
    });
  });
  return { outcome: await writeTo(await makeTransport(), `http://127.0.0.1:${port}/account`), bodies };
}

async function writeTo(transport: Transport, url: string): Promise<unknown> {
  const table = new TableClient(url, 'Audit', new AzureNamedKeyCredential('account', 'a2V5'), {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
  });
  const deps = { table, transport, clock: patient, newId: () => guid(2) };
  return writeRows(deps, rows, ended.signal).then(
    () => 'stored',
    ({ name, code, statusCode }: { name: string; code?: string; statusCode?: number }) => ({
      name,
      // What the parser refused is told apart by Node's client only.
      code: code === 'REQUEST_SEND_ERROR' || code?.startsWith('HPE_') ? undefined : code,
      statusCode,
    }),
  );
}

describe('the transport of the audit log', () => {
  it.each(Object.entries(behaviours))('does what the client of the SDK does if storage %s', async (name, behave) => {
    const [ours, theirs] = await Promise.all([write(loadTransport, behave), write(standard, behave)]);
    expect(ours.bodies.map((body) => body.replaceAll(/127\.0\.0\.1:\d+/g, 'storage'))).toEqual(
      theirs.bodies.map((body) => body.replaceAll(/127\.0\.0\.1:\d+/g, 'storage')),
    );
    expect(ours.outcome).toEqual(theirs.outcome);
    if (!fails.includes(name)) expect(ours.outcome).toBe('stored');
  });

  it('fails as the client of the SDK if nobody listens', async () => {
    const port = await serve(() => undefined);
    await stop.pop()?.();
    const url = `http://127.0.0.1:${port}/account`;
    const ours = await writeTo(await loadTransport(), url);
    expect(ours).toMatchObject({ code: 'ECONNREFUSED' });
    expect(ours).toEqual(await writeTo(await standard(), url));
  });

  it("sends with the agent that a policy of the SDK chose, as a proxy's", async () => {
    const port = await serve((request, response) => void request.resume().on('end', () => stored(response)));
    const agent = new Agent();
    agent.createConnection = () => connect(port, '127.0.0.1');
    const transport = await loadTransport();
    const options = { url: 'http://account.example/', method: 'POST' as const, body: 'a', abortSignal: ended.signal };
    const request = transport.createRequest({ ...options, allowInsecureConnection: true }, {});
    request.agent = agent;
    expect(await transport.client.sendRequest(request)).toMatchObject({ status: 202, bodyAsText: part });
  });

  it('sends to no account over plain HTTP unless the request allows it', async () => {
    const transport = await loadTransport();
    const request = transport.createRequest(
      { url: 'http://account.example/$batch', method: 'POST', body: 'a', abortSignal: ended.signal },
      {},
    );
    await expect(transport.client.sendRequest(request)).rejects.toThrow('https');
  });

  it('ends the connection of a transaction that is not answered before its deadline', async () => {
    const closed = Promise.withResolvers<void>();
    const deadline = new AbortController();
    const port = await serve((request) => {
      request.socket.on('close', () => closed.resolve());
      deadline.abort(new Error('late'));
    });
    const transport = await loadTransport();
    const options = { url: `http://127.0.0.1:${port}/`, method: 'POST' as const, allowInsecureConnection: true };
    const request = transport.createRequest({ ...options, body: 'a', abortSignal: deadline.signal }, {});
    await expect(transport.client.sendRequest(request)).rejects.toThrow('late');
    await closed.promise;
  });

  it('does not send a transaction whose deadline has passed', async () => {
    const transport = await loadTransport();
    const abortSignal = AbortSignal.abort(new Error('late'));
    const options = {
      url: 'http://127.0.0.1:9/',
      method: 'POST' as const,
      body: 'a',
      allowInsecureConnection: true,
      abortSignal,
    };
    await expect(transport.client.sendRequest(transport.createRequest(options, {}))).rejects.toThrow('late');
  });
});
