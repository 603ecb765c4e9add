import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { type CollectedAnswer, collectAnswer, type Reading, smallAnswerBytes } from '../../core/collect-answer.ts';
import { FairLimiter } from '../../core/fair-limiter.ts';
import { OutboundError } from '../../core/outbound.ts';
import { Requesters } from '../../core/share.ts';
import { once } from '../../core/single-flight.ts';
import type { Answer } from './rewrite-answer.ts';

/** The slot of one request among those that hold a large answer. */
export interface AnswerSlot {
  /** Waits for the slot; at once if the request has it. @throws the reason of the signal. */
  take(signal: AbortSignal): Promise<void>;
  /** Gives the slot back, or ends the wait for it. */
  leave(): void;
}

/**
 * Limits how many large answers are in memory. While one is decompressed and edited, it takes several times its size, and
 * the limit of requests alone would let them fill the memory of the app. A slot may be held until the deadline of its
 * request, so one caller gets half of the slots, and callers take turns.
 */
export class LargeAnswers {
  readonly #limiter: FairLimiter;

  /** @param limit Large answers at the same time, at least 1. */
  constructor(limit: number) {
    this.#limiter = new FairLimiter({
      limit,
      maxRunning: Math.ceil(limit / 2),
      // The requests of a caller are limited before.
      maxWaiting: Number.POSITIVE_INFINITY,
      peer: 'large requests',
    });
  }

  /** @param caller Id of the caller, for example the object id of its service principal. */
  slot(caller: string): AnswerSlot {
    const requesters = new Requesters({ id: caller, kind: 'caller' });
    let taken: Promise<void> | undefined;
    let end: (() => void) | undefined;
    let isLeft = false;
    const held = (resolve: () => void) =>
      new Promise<void>((leave) => {
        end = leave;
        if (isLeft) leave();
        resolve();
      });
    return {
      take: (signal) =>
        (taken ??= new Promise((resolve, reject) => {
          this.#limiter.run(() => held(resolve), requesters, signal).catch(reject);
        })),
      leave: () => {
        isLeft = true;
        end?.();
      },
    };
  }
}

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

const oneValueEach = (headers: CollectedAnswer['headers']): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]],
    ),
  );

/** @throws RangeError if the answer grows too large. */
async function decompressed(
  { 'content-encoding': coding = 'identity', ...headers }: Readonly<Record<string, string>>,
  body: Buffer,
  large: UpstreamRequest['large'],
): Promise<Pick<Answer, 'headers' | 'body'>> {
  const known = coding.trim().toLowerCase();
  if (known === 'identity' || known === '' || body.length === 0) return { headers, body };
  if (known !== 'gzip' && known !== 'x-gzip') throw new Error('the answer has a content coding that was not asked for');
  try {
    return { headers, body: await unzip(body, { maxOutputLength: smallAnswerBytes }) };
  } catch (error) {
    if (!isTooLarge(error)) throw error;
  }
  await large();
  return { headers, body: await unzip(body, { maxOutputLength: maximumAnswerBytes }) };
}

const hasCode = (error: unknown, codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));

const isTooLarge = (error: unknown): boolean =>
  hasCode(error, ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'ERR_BUFFER_TOO_LARGE']);

/** Failures of a connection that was never there, so that nothing was sent. */
const connectCodes = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

/** Whether a request that failed provably did not leave. */
export const isUnsent = (failure: unknown): boolean =>
  failure instanceof OutboundError && hasCode(failure.cause, connectCodes);
