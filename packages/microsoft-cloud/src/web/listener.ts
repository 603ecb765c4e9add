import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { CloudClock } from '../clock.ts';
import type { Faults } from '../faults/faults.ts';
import { replacedReply, sendReply } from '../faults/fault-replies.ts';
import type { FaultRule } from '../faults/rule.ts';
import type { Ledger } from '../ledger.ts';
import type { Certificates } from './certificate.ts';
import { type CloudRequest, json, type Reply, type Service } from './http.ts';

/** The longest body that is read; Microsoft's services take at least as much. */
const maxBodyBytes = 4 * 1024 * 1024;
// Longer than the clients keep idle connections, so that none of them runs into a connection we are just closing.
const keepAliveMs = 120_000;

export interface ListenerContext {
  readonly clock: CloudClock;
  readonly faults: Faults;
  readonly ledger: Ledger;
  /** Milliseconds that each Entra and Graph request takes at least. */
  readonly delayMs: number;
}

export interface RunningListener {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves `handle` on loopback: over TLS with the given certificates, or plain without. Port 0: any free one. */
export async function listen(
  handle: (message: IncomingMessage, response: ServerResponse) => Promise<void>,
  port: number,
  certificates?: Certificates,
): Promise<RunningListener> {
  const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
    // A client that goes away in the middle is no fault of the cloud.
    handle(message, response).catch(() => response.destroy());
  };
  const server: Server = certificates
    ? createTlsServer({ cert: certificates.certificate, key: certificates.key }, onRequest)
    : createPlainServer(onRequest);
  server.keepAliveTimeout = keepAliveMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Reads a message into a request. @throws RangeError when its body is longer than any service takes. */
export async function readRequest(message: IncomingMessage): Promise<CloudRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    size += (chunk as Buffer).byteLength;
    if (size > maxBodyBytes) throw new RangeError('the body is too long');
    chunks.push(chunk as Buffer);
  }
  const url = new URL(message.url ?? '/', 'http://localhost');
  return {
    method: message.method ?? 'GET',
    path: decode(url.pathname),
    query: url.searchParams,
    headers: message.headers,
    body: Buffer.concat(chunks).toString('utf8'),
    facts: {},
  };
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** One service with faults, delay and ledger around it. */
export function serve(service: Service, context: ListenerContext): Parameters<typeof listen>[0] {
  return async (message, response) => {
    const request = await readRequest(message);
    const atMs = context.clock.nowMs();
    service.identify(request);
    const leave = request.facts.grant === undefined ? undefined : context.ledger.enterEntra();
    try {
      const rule = context.faults.match(service.name, request);
      if (rule?.kind === 'drop') response.destroy();
      const reply = rule?.kind === 'drop' ? undefined : await answer(service, request, rule);
      const waitMs = delayOf(service, context.delayMs) + (reply?.delayMs ?? 0) + (rule?.delayMs ?? 0);
      if (reply !== undefined && waitMs > 0) await delay(waitMs);
      // Recorded before the last byte is sent: whoever has the reply finds it in the ledger.
      const lost = reply === undefined || rule?.kind === 'lost_reply';
      record(context.ledger, service, request, lost ? 0 : reply.status, atMs);
      if (reply !== undefined) await sendReply(response, reply, rule);
    } finally {
      leave?.();
    }
  };
}

const delayOf = (service: Service, delayMs: number): number =>
  service.name === 'entra' || service.name === 'graph' ? delayMs : 0;

async function answer(service: Service, request: CloudRequest, rule: FaultRule | undefined): Promise<Reply> {
  if (rule?.aadsts !== undefined) {
    const refusal =
      service.refuse?.(request, rule.aadsts) ?? json(rule.status ?? 400, { error: `AADSTS${rule.aadsts}` });
    return { ...refusal, status: rule.status ?? refusal.status, headers: { ...refusal.headers, ...rule.headers } };
  }
  const replaced = rule === undefined ? undefined : replacedReply(rule);
  if (replaced !== undefined) return replaced;
  try {
    return await service.handle(request);
  } catch (error) {
    // A defect of the simulation: unmatched, so that the test that met it fails, and said where it can be seen.
    request.facts.unmatched = true;
    return json(500, { error: `The local cloud failed: ${error instanceof Error ? error.message : 'unknown'}` });
  }
}

function record(
  ledger: Ledger,
  service: Service,
  { method, path, facts }: CloudRequest,
  status: number,
  atMs: number,
): void {
  ledger.record({
    service: service.name,
    method,
    path,
    ...(facts.tenantId === undefined ? {} : { tenantId: facts.tenantId }),
    ...(facts.grant === undefined ? {} : { grant: facts.grant }),
    ...(facts.resource === undefined ? {} : { resource: facts.resource }),
    status,
    atMs,
    ...(facts.unmatched ? { unmatched: true as const } : {}),
  });
}
