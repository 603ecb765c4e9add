import { Agent, type IncomingMessage, request as send } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** A request as it goes over the wire: nothing in it is normalized. */
export interface Request {
  readonly method?: string;
  /** The request target, unchanged. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | object | undefined;
  /** Maximum time to the last byte of the answer, ms. */
  readonly timeoutMs?: number;
  /** Default: a shared agent with 64 connections to each host. */
  readonly agent?: Agent;
}

export interface Answered {
  /** 0: no answer, because the connection broke or the time was over. */
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The parsed body of a JSON object, else empty. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly code: string | undefined;
  readonly ms: number;
}

const agents = new Agent({ keepAlive: true, maxSockets: 64 });

/** Sends one request. Never throws: without an answer the status is 0 and the text says why. */
export async function ask(url: string, request: Request): Promise<Answered> {
  const startedMs = performance.now();
  try {
    const message = await start(url, request);
    const text = (await buffer(message)).toString('utf8');
    const body = objectOf(text);
    const code = typeof body['code'] === 'string' ? body['code'] : undefined;
    return { ...answeredIn(startedMs), status: message.statusCode ?? 0, headers: message.headers, text, body, code };
  } catch (thrown) {
    return { ...answeredIn(startedMs), status: 0, headers: {}, text: String(thrown), body: {}, code: undefined };
  }
}

const answeredIn = (startedMs: number) => ({ ms: performance.now() - startedMs });

function start(url: string, request: Request): Promise<IncomingMessage> {
  const { method = 'GET', path, headers = {}, body, timeoutMs = 60_000, agent = agents } = request;
  const bytes = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = send({
      hostname,
      port,
      method,
      path,
      agent,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        ...(bytes === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(bytes)) }),
        ...headers,
      },
    });
    outgoing.once('response', resolve).once('error', reject).end(bytes);
  });
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
