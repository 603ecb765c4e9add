import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Reply } from '../web/http.ts';
import type { FaultRule } from './rule.ts';

const hugeBytes = 10 * 1024 * 1024;
const dripChunkBytes = 16;
const dripPauseMs = 50;

const gatewayPage =
  '<!DOCTYPE html><html><head><title>503 Service Unavailable</title></head><body><h2>Our services are not available right now</h2><p>We are working to restore all services as soon as possible. Please check back soon.</p></body></html>';

/** Returns the reply that replaces the service's reply, or undefined if the service handles the request. */
export function replacedReply(rule: FaultRule): Reply | undefined {
  const headers = rule.headers ?? {};
  switch (rule.kind) {
    case 'html':
      return { status: rule.status ?? 503, headers: { 'content-type': 'text/html', ...headers }, body: gatewayPage };
    case 'empty_json':
      return { status: rule.status ?? 200, headers: { 'content-type': 'application/json', ...headers }, body: '{}' };
    case 'plain_429':
      return { status: 429, headers: { 'content-type': 'text/plain', ...headers }, body: 'Too Many Requests' };
    case 'huge':
      return {
        status: rule.status ?? 200,
        headers: { 'content-type': 'application/json', ...headers },
        body: hugeBody(),
      };
    case 'drop':
    case 'late_500':
    case 'stale_reads':
    case 'put_back':
    case 'lost_reply':
    case 'drip':
    case 'truncated':
    case 'gzip_bomb':
    case 'delay':
      return undefined;
    case undefined:
      if (rule.status === undefined) return undefined;
      return {
        status: rule.status,
        headers: { 'content-type': 'application/json', ...headers },
        body: rule.body ?? '',
      };
  }
}

function hugeBody(): string {
  return JSON.stringify({ access_token: 'x'.repeat(hugeBytes), token_type: 'Bearer', expires_in: 3599 });
}

/** Returns the reply that the client gets after the service has handled the request. */
export const replyAfter = (rule: FaultRule | undefined, reply: Reply): Reply =>
  rule?.kind === 'late_500'
    ? {
        status: 500,
        headers: { 'content-type': 'application/json', ...rule.headers },
        body: rule.body ?? '{"code":"500","description":"Internal server error.","data":[],"source":"PartnerFD"}',
      }
    : reply;

/** Sends a reply: slowly, in part or not at all if the rule's kind says so. */
export async function sendReply(response: ServerResponse, reply: Reply, rule: FaultRule | undefined): Promise<void> {
  if (rule?.kind === 'lost_reply') {
    response.destroy();
    return;
  }
  if (rule?.kind === 'gzip_bomb') {
    sendGzipBomb(response, rule);
    return;
  }
  const body = Buffer.from(reply.body ?? '', 'utf8');
  response.writeHead(reply.status, { ...reply.headers, 'content-length': String(body.byteLength) });
  if (rule?.kind === 'truncated') {
    response.write(body.subarray(0, Math.floor(body.byteLength / 2)), () => response.destroy());
    return;
  }
  if (rule?.kind === 'drip') await drip(response, body);
  response.end(rule?.kind === 'drip' ? undefined : body);
}

/** A gzip stream may consist of members (RFC 1952 section 2.2), so one of 16 MB is repeated. */
function gzipBomb(): Buffer {
  const member = gzipSync(Buffer.alloc(16 * 1024 * 1024, ' '));
  return Buffer.concat(Array.from({ length: 64 }, () => member));
}

let bomb: Buffer | undefined;

function sendGzipBomb(response: ServerResponse, { status = 200, headers = {} }: FaultRule): void {
  const body = (bomb ??= gzipBomb());
  response.writeHead(status, {
    'content-type': 'application/json',
    ...headers,
    'content-encoding': 'gzip',
    'content-length': String(body.byteLength),
  });
  // The client may leave early.
  response.on('error', () => undefined).end(body);
}

async function drip(response: ServerResponse, body: Buffer): Promise<void> {
  for (let at = 0; at < body.byteLength && !response.destroyed; at += dripChunkBytes) {
    response.write(body.subarray(at, at + dripChunkBytes));
    await delay(dripPauseMs);
  }
}
