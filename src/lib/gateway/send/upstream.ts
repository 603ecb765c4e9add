import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { OutboundError } from '../../core/outbound.ts';
import { once } from '../../core/once.ts';
import { collectAnswer, type Reading } from './collect-answer.ts';
import { smallAnswerBytes } from './large-answers.ts';
import type { Answer } from './rewrite-answer.ts';

/** One request to a resource. */
export interface UpstreamRequest extends Reading {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  /** Names are lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

/**
 * Sends one request, once, and reads the whole answer. Redirects are not followed.
 * @returns the answer with all its headers.
 * @throws OutboundError if no complete answer arrived; never for a status.
 */
export type Upstream = (request: UpstreamRequest) => Promise<Answer>;

/** Largest answer, in bytes, before and after decompression: as for the requests of jobs. */
export const maximumAnswerBytes = 20 * 1024 * 1024;
const maximumHeaderBytes = 32 * 1024;
/** Connections to one origin. The gateway's limiter is the lower limit. */
const maximumConnections = 256;
const connectTimeoutMs = 10_000;

const unzip = promisify(gunzip);

/**
 * The connections of the gateway, apart from those of the rest of the app. They are made when the first request needs them.
 */
export function createUpstream(): Upstream {
  const load = once(loadConnections);
  return async (upstream) => {
    try {
      return await exchange(await load(), upstream);
    } catch (cause) {
      const { host } = new URL(upstream.url);
      if (upstream.signal.aborted) throw new OutboundError('timeout', host, { cause });
      throw new OutboundError(isTooLarge(cause) ? 'too_large' : 'network', host, { cause });
    }
  };
}

async function loadConnections(): Promise<Dispatcher> {
  const { default: Agent } = await import('undici/lib/dispatcher/agent.js');
  return new Agent({
    connections: maximumConnections,
    connect: { timeout: connectTimeoutMs },
    maxResponseSize: maximumAnswerBytes,
    maxHeaderSize: maximumHeaderBytes,
    // The deadline of the request ends it earlier.
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  });
}

async function exchange(connections: Dispatcher, upstream: UpstreamRequest): Promise<Answer> {
  const { method, url, headers, body } = upstream;
  const { origin } = new URL(url);
  const options = {
    origin,
    // As it was judged: a URL object would change some characters.
    path: url.slice(url.indexOf('/', origin.length)),
    method: method as 'GET',
    headers: { ...headers, 'accept-encoding': 'gzip' },
    body: body ?? null,
  };
  const { status, headers: received, body: bytes } = await collectAnswer(connections, options, upstream);
  return { status, ...(await decompressed(oneValueEach(received), bytes, upstream.large)) };
}

function oneValueEach(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}

/** @throws RangeError if the answer grows too large. */
async function decompressed(
  { 'content-encoding': coding = 'identity', ...headers }: Readonly<Record<string, string>>,
  body: Buffer,
  large: UpstreamRequest['large'],
): Promise<Pick<Answer, 'headers' | 'body'>> {
  const known = coding.trim().toLowerCase();
  if (known === 'identity' || known === '' || body.length === 0) return { headers, body };
  if (known !== 'gzip' && known !== 'x-gzip') throw new Error('the answer has a content coding that was not asked for');
  return { headers, body: await unzipped(body, large) };
}

async function unzipped(body: Buffer, large: UpstreamRequest['large']): Promise<Buffer> {
  try {
    return await unzip(body, { maxOutputLength: smallAnswerBytes });
  } catch (error) {
    if (!isTooLarge(error)) throw error;
  }
  await large();
  return unzip(body, { maxOutputLength: maximumAnswerBytes });
}

const tooLargeCodes = ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'ERR_BUFFER_TOO_LARGE'];

const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && tooLargeCodes.includes(String(error.code));

/** Failures of a connection that was never there, so that nothing was sent. */
const connectCodes = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

/** Whether a request that failed provably did not leave. */
export const isUnsent = (failure: unknown): boolean =>
  failure instanceof OutboundError &&
  failure.cause instanceof Error &&
  'code' in failure.cause &&
  connectCodes.includes(String(failure.cause.code));
