/**
 * A proxy in front of Azurite that counts requests and bytes. With a delay in milliseconds as second argument, it acknowledges
 * transactions of the audit log itself after that delay and does not store them: storage in Azure has its own processors,
 * but Azurite would take those of the measured process. Prints `{"url":…}` when it listens. `GET /counts` returns and
 * resets the counts, `GET /traffic` what it forwarded by kind, with bytes.
 */
import { createServer, type IncomingMessage, request as forward, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

const [azuriteUrl = '', acknowledgeMs] = process.argv.slice(2);
let counts: Record<string, number> = {};
const traffic: Record<string, { requests: number; bytes: number }> = {};

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`);
});
process.once('SIGTERM', () => process.exit(0));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? '/';
  if (url === '/counts') {
    response.end(JSON.stringify(counts));
    counts = {};
    return;
  }
  if (url === '/traffic') {
    response.end(JSON.stringify(traffic));
    return;
  }
  const kind = `${request.method} ${/^\/[^/]+\/([$\w]+)/.exec(url)?.[1] ?? ''}`;
  counts[kind] = (counts[kind] ?? 0) + 1;
  if (acknowledgeMs === undefined || !url.includes('/$batch')) return passOn(request, response);
  const body = await buffer(request);
  if (nameIn(firstPath(body) ?? url) === 'Audit') await acknowledge(body, response, Number(acknowledgeMs));
  else await passOn(request, response, body);
}

/** The table, container or queue that a path names. */
const nameIn = (path: string): string => /^\/[^/]+\/([$\w-]+)/.exec(path)?.[1] ?? '';

/** The path in the first part of a transaction, which names its table. */
const firstPath = (batch: Buffer): string | undefined =>
  / https?:\/\/[^/]+(\/\S+)/.exec(batch.toString('latin1', 0, 2_048))?.[1];

/** Answers a transaction of inserts with 204 for each ("Performing entity group transactions", Microsoft Learn). */
async function acknowledge(batch: Buffer, response: ServerResponse, delayMs: number): Promise<void> {
  const parts = batch.toString('latin1').split('POST http').length - 1;
  await delay(delayMs);
  const part = '--changesetresponse_0\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n';
  response.writeHead(202, { 'content-type': 'multipart/mixed; boundary=batchresponse_0' });
  response.end(`--batchresponse_0\r\n\r\n${part.repeat(parts)}--changesetresponse_0--\r\n--batchresponse_0--\r\n`);
}

/** @param body Default: what the request still sends. */
async function passOn(request: IncomingMessage, response: ServerResponse, body?: Buffer): Promise<void> {
  const outgoing = forward(new URL(request.url ?? '/', azuriteUrl), {
    method: request.method,
    headers: request.headers,
  });
  const incoming = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).once('error', reject);
  });
  const start = { sent: Buffer.alloc(0), received: Buffer.alloc(0), bytes: 0 };
  const source = body === undefined ? request : Readable.from([body]);
  source.on('data', (chunk: Buffer) => {
    start.bytes += chunk.length;
    // The first part of a batch names the table.
    if (start.sent.length < 2_048) start.sent = Buffer.concat([start.sent, chunk]);
  });
  source.pipe(outgoing);
  const reply = await incoming;
  reply.on('data', (chunk: Buffer) => {
    start.bytes += chunk.length;
    if (start.received.length < 256) start.received = Buffer.concat([start.received, chunk]);
  });
  response.writeHead(reply.statusCode ?? 502, reply.headers);
  await pipeline(reply, response);
  const kind = kindOf(request, start.sent, start.received.toString());
  const seen = (traffic[kind] ??= { requests: 0, bytes: 0 });
  seen.requests += 1;
  seen.bytes += start.bytes;
}

/** Method and name of a table, container or queue. A look into a queue that finds nothing is a `poll`. */
function kindOf({ method = '', url = '' }: IncomingMessage, sent: Buffer, received: string): string {
  const name = nameIn((url.includes('/$batch') ? firstPath(sent) : undefined) ?? url);
  const isPoll = method === 'GET' && url.includes('/messages') && !received.includes('<QueueMessage>');
  return `${isPoll ? 'poll' : method} ${name}`;
}
