/**
 * Table storage for measuring: writes to the audit log are acknowledged after a stated delay and kept nowhere, all other
 * requests go on to Azurite. In Azure the storage has processors of its own; Azurite would take those of the program
 * that is measured. Started by bench/quick-tables.ts; prints `{"url":…}` when it listens.
 */
import { createServer, type IncomingMessage, request as forward, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

const [azuriteUrl = '', delayText = '0'] = process.argv.slice(2);
const delayMs = Number(delayText);
let transactions = 0;
let rows = 0;

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`);
});
process.once('SIGTERM', () => process.exit(0));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/counts') {
    response.end(JSON.stringify({ transactions, rows }));
    return;
  }
  if (!request.url?.includes('/$batch')) {
    await passOn(request, response);
    return;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const inserted = Buffer.concat(chunks).toString('latin1').split('POST http').length - 1;
  transactions += 1;
  rows += inserted;
  await delay(delayMs);
  writeBatchAnswer(response, inserted);
}

/** The answer to a transaction of inserts, each with "no content" ("Performing entity group transactions"). */
function writeBatchAnswer(response: ServerResponse, parts: number): void {
  const part = [
    '--changesetresponse_0',
    'Content-Type: application/http',
    'Content-Transfer-Encoding: binary',
    '',
    'HTTP/1.1 204 No Content',
    'DataServiceVersion: 3.0;',
    '',
    '',
    '',
  ].join('\r\n');
  const body = [
    '--batchresponse_0',
    'Content-Type: multipart/mixed; boundary=changesetresponse_0',
    '',
    part.repeat(parts) + '--changesetresponse_0--',
    '--batchresponse_0--',
    '',
  ].join('\r\n');
  response.writeHead(202, { 'content-type': 'multipart/mixed; boundary=batchresponse_0' });
  response.end(body);
}

async function passOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const outgoing = forward(new URL(request.url ?? '/', azuriteUrl), {
    method: request.method,
    headers: request.headers,
  });
  const incoming = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).once('error', reject);
  });
  request.pipe(outgoing);
  const reply = await incoming;
  response.writeHead(reply.statusCode ?? 502, reply.headers);
  await pipeline(reply, response);
}
