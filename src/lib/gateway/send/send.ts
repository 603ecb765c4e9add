import { type Claim, freeClaim, type MetCondition } from '../../approvals/meet-condition.ts';
import { longestRecordSeconds } from '../../audit/audit-log.ts';
import { callerIdOf } from '../../core/caller.ts';
import { retry } from '../../core/clock.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { inTurns, itemsAtOnce, pieceLength, turnFor, type WorkFor } from '../../core/turns.ts';
import { defined } from '../../core/objects.ts';
import { OutboundError, outboundFailure, retryAfterSeconds } from '../../core/outbound.ts';
import type { AccessToken, Secret, TokenRequest } from '../../core/secrets.ts';
import { type BudgetedRequest, Requesters } from '../../core/share.ts';
import type { Allowed } from '../../judge/verdict.ts';
import { attempts, pauseMs } from '../../microsoft/exchange.ts';
import { utiOf } from '../../microsoft/token-reply.ts';
import type { GatewayDeps } from '../gateway.ts';
import type { Authorization } from './authorize.ts';
import { recordOf, type RequestFacts, type RequestOutcome, type Sender } from './request-records.ts';
import type { Answer } from './rewrite-answer.ts';
import { type AnswerSlot, isUnsent, type UpstreamRequest } from './upstream.ts';

/** An authorized request, or a part of one. */
export interface Outgoing {
  readonly deps: GatewayDeps;
  readonly sender: Sender;
  readonly authorization: Pick<Authorization, 'rule' | 'tenantId' | 'resource' | 'baseUrl'>;
  readonly verdict: Omit<Allowed, 'request'> & { readonly request: Omit<Allowed['request'], 'segments'> };
  readonly body: Uint8Array | undefined;
  /** Asked before each attempt. Nothing leaves if it throws: the approval may have ended or been used in between. */
  readonly met: Pick<MetCondition, 'confirm' | 'claim'>;
  /** The end of the whole request. */
  readonly signal: AbortSignal;
}

/** An answer as it came, with all its headers, and the token that was sent. */
interface Received {
  readonly answer: Answer;
  readonly token: AccessToken;
}

/** What a request needs to leave. */
interface Leaving {
  /** Called once, when the request is about to leave. Nothing leaves if it throws. */
  readonly beforeFirst: () => Promise<void>;
  /** For the answer, if it is large. */
  readonly slot: AnswerSlot;
}

/**
 * Sends a request: reading up to four times, as the requests of jobs are, everything else once. The tenant is
 * checked again, with the token, before each attempt: it may have been excluded in between.
 * @throws BrokerError of the token source; caller_throttled; resource_error if no answer came; what `beforeFirst` throws.
 */
async function sendUpstream(
  outgoing: Outgoing,
  tokenRequest: TokenRequest,
  { beforeFirst, slot }: Leaving,
): Promise<Received> {
  const { deps, sender, authorization, signal } = outgoing;
  const requesters = new Requesters({ id: callerIdOf(sender.caller), kind: 'caller' });
  const limiter = deps.limiterOf(authorization.resource);
  const counted = countedRequest(outgoing, requesters);
  let isFirst = true;
  const attempt = async (): Promise<Received> => {
    await deps.budgets?.admit(counted, signal);
    const received = await limiter.run(
      async () => {
        const claim = await claimOf(outgoing);
        const token = await orGivenBack(claim, async () => {
          if (isFirst) await beforeFirst();
          isFirst = false;
          const ready = await deps.tokens.getToken(tokenRequest, signal);
          await claim.confirm();
          signal.throwIfAborted();
          return ready;
        });
        return { token, answer: await sendClaimed(deps, claim, upstreamRequest(outgoing, token, slot)) };
      },
      requesters,
      signal,
    );
    const { status, headers } = received.answer;
    const demanded = status === 429 ? demandedSeconds(deps, received.answer) : undefined;
    if (demanded !== undefined) deps.budgets?.throttled(counted, demanded, headers['x-ms-throttle-scope']);
    return received;
  };
  try {
    return await retry(attempt, {
      clock: deps.clock,
      attempts: isReading(outgoing) ? attempts : 1,
      afterValue: ({ answer }, count) => pauseMs(deps, count, answer.status, demandedSeconds(deps, answer)),
      afterError: (error, count) => (hasFailed(error, 'network') ? pauseMs(deps, count) : undefined),
      signal,
    });
  } catch (error) {
    if (error instanceof OutboundError) throw outboundFailure(error, 'resource_error', 'The resource');
    throw error;
  }
}

function countedRequest({ authorization, verdict }: Outgoing, requesters: Requesters): BudgetedRequest {
  const { tenantId, resource, rule } = authorization;
  const { method, url } = verdict.request;
  const path = url.slice(url.indexOf('/', url.indexOf('//') + 2));
  return { resource: resource.alias, tenantId, application: rule.application, method, paths: [path], requesters };
}

const isReading = ({ verdict }: Pick<Outgoing, 'verdict'>): boolean => verdict.request.method === 'GET';

/** @throws BrokerError approval_ended, storage_unavailable */
async function claimOf({ met, verdict }: Outgoing): Promise<Claim> {
  if (!isReading({ verdict })) return met.claim();
  await met.confirm();
  return { ...freeClaim, confirm: met.confirm };
}

/** Gives the claim back if the last steps before the request leaves fail. */
async function orGivenBack<T>(claim: Claim, steps: () => Promise<T>): Promise<T> {
  try {
    return await steps();
  } catch (thrown) {
    await claim.giveBack();
    throw thrown;
  }
}

async function sendClaimed({ upstream }: GatewayDeps, claim: Claim, request: UpstreamRequest): Promise<Answer> {
  try {
    const answer = await upstream(request);
    await claim.conclude(true);
    return answer;
  } catch (thrown) {
    // If its answer is too large, the resource has answered.
    await (isUnsent(thrown) ? claim.giveBack() : claim.conclude(hasFailed(thrown, 'too_large')));
    throw thrown;
  }
}

/** What the token of a request must be. */
export const tokenRequestOf = ({ authorization, sender }: Outgoing, grant: TokenRequest['grant']): TokenRequest => ({
  tenantId: authorization.tenantId,
  resource: authorization.resource,
  grant,
  application: authorization.rule.application,
  // It is sent after its record has been written.
  minimumLifetimeSeconds: 60 + longestRecordSeconds,
  correlationId: sender.correlationId,
  callerId: callerIdOf(sender.caller),
});

/**
 * The address to send to: that of the verdict. Graph is judged by its public name, and may be reached at another address
 * (a proxy, a private link, the simulated cloud).
 */
export const addressIn = (baseUrl: string, judgedUrl: string): string =>
  judgedUrl.startsWith(`${baseUrl}/`)
    ? judgedUrl
    : `${baseUrl}${judgedUrl.slice(judgedUrl.indexOf('/', judgedUrl.indexOf('//') + 2))}`;

function upstreamRequest(
  { authorization, verdict, body, sender, signal }: Outgoing,
  token: AccessToken,
  slot: AnswerSlot,
): UpstreamRequest {
  const { method, url, headers } = verdict.request;
  return {
    method,
    url: addressIn(authorization.baseUrl, url),
    headers: {
      accept: 'application/json',
      'client-request-id': sender.correlationId,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
      authorization: `Bearer ${token.secret.reveal()}`,
    },
    body,
    signal,
    large: () => slot.take(signal),
  };
}

function demandedSeconds({ clock }: GatewayDeps, { headers }: Answer): number | undefined {
  const { 'retry-after': value } = headers;
  return value === undefined ? undefined : retryAfterSeconds(new Headers({ 'retry-after': value }), clock.nowMs());
}

const hasFailed = (error: unknown, failure: OutboundError['failure']): boolean =>
  error instanceof OutboundError && error.failure === failure;

/** Shorter parts of a token could stand in an answer by chance. */
const shortestPart = 24;

/**
 * Whether an answer contains the token that went with its request. Its signature alone counts, because the rest of a token
 * is worth nothing without it. In JSON, each of its characters may be written as an escape.
 */
function* quotesToken({ headers, body }: Answer, token: Secret): Generator<void, boolean> {
  const value = token.reveal();
  const signature = value.slice(value.lastIndexOf('.') + 1);
  const sought = signature.length >= shortestPart ? signature : value;
  if (Object.values(headers).some((text) => text.includes(sought))) return true;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let hasEscapes = false;
  for (let at = 0; at < bytes.length; at += pieceLength) {
    const part = bytes.subarray(at, at + pieceLength + sought.length);
    if (part.includes(sought, 0, 'latin1')) return true;
    hasEscapes ||= part.includes(String.raw`\u00`);
    yield;
  }
  return hasEscapes && (yield* containsEscaped(bytes, Buffer.from(sought, 'latin1')));
}

/**
 * Whether bytes contain a text of which any character may be an escape of JSON. JSON inside of JSON has several backslashes.
 * The algorithm of Knuth, Morris and Pratt reads each byte once.
 */
function* containsEscaped(bytes: Uint8Array, sought: Uint8Array): Generator<void, boolean> {
  const shorter = shorterMatches(sought);
  let found = 0;
  let stepEnd = 0;
  for (let at = 0; at < bytes.length; ) {
    if (at >= stepEnd) {
      stepEnd = at + itemsAtOnce;
      yield;
    }
    let byte = bytes[at++];
    if (byte === 0x5c) {
      if (bytes[at] === 0x5c) continue;
      const escaped = escapedAt(bytes, at);
      if (escaped !== undefined) {
        byte = escaped;
        at += 5;
      }
    }
    while (found > 0 && sought[found] !== byte) found = shorter[found - 1] ?? 0;
    if (sought[found] === byte) found += 1;
    if (found === sought.length) return true;
  }
  return false;
}

/** For each start of a text, how long the longest shorter start is with which it ends. */
function shorterMatches(text: Uint8Array): readonly number[] {
  const shorter = [0];
  for (let at = 1, found = 0; at < text.length; at += 1) {
    while (found > 0 && text[found] !== text[at]) found = shorter[found - 1] ?? 0;
    if (text[found] === text[at]) found += 1;
    shorter.push(found);
  }
  return shorter;
}

/** The character of an escape `u00XX` that begins here, behind its backslash. */
function escapedAt(bytes: Uint8Array, at: number): number | undefined {
  if (((bytes[at] ?? 0) | 0x20) !== 0x75 || bytes[at + 1] !== 0x30 || bytes[at + 2] !== 0x30) return undefined;
  const digits = String.fromCharCode(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0);
  return /^[\da-f]{2}$/i.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

/**
 * Headers of an answer that reach the caller. `Location` is among them, because it is rewritten before. Never cookies,
 * `WWW-Authenticate` or headers that concern one connection (RFC 9110 section 7.6.1).
 */
const returned: ReadonlySet<string> = new Set(
  (
    'content-disposition content-language content-type client-request-id etag last-modified location odata-version ' +
    'preference-applied request-id retry-after x-ms-request-id'
  ).split(' '),
);

/** The headers of an answer that may reach the caller. Values that no header may have are dropped. */
export const answerHeaders = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).filter(([name, value]) => returned.has(name) && /^[\t\x20-\x7e]*$/.test(value)),
  );

/** The id that the resource gave to the request. */
export const requestIdOf = (headers: Readonly<Record<string, string>>): string | undefined =>
  headers['request-id'] ?? headers['x-ms-request-id'];

/** What is ready before a request leaves. */
export interface Prepared<T> {
  readonly tokenRequest: TokenRequest;
  /** The token that the record describes. */
  readonly token: AccessToken;
  /** Reads the answer. What it throws is recorded as the outcome. */
  readonly read: (answer: Answer) => T | Promise<T>;
}

/** Who waits for what is done with an answer. */
export const workFor = ({ run }: Pick<Sender, 'run'>): WorkFor => (run === undefined ? 'caller' : 'background');

/**
 * Sends a request with its records. The first is written when the request leaves the queue, right before it is
 * sent. A request that fails before that is recorded as denied.
 * @returns what `read` makes of the answer. It never contains the token.
 * @throws BrokerError
 */
export async function sendRecorded<T>(
  outgoing: Outgoing,
  facts: RequestFacts,
  prepare: () => Promise<Prepared<T>>,
): Promise<T> {
  const record = recordOf(outgoing.deps, outgoing.sender);
  const work = workFor(outgoing.sender);
  const slot = outgoing.deps.largeAnswers.slot(callerIdOf(outgoing.sender.caller));
  const progress: { isSent: boolean; outcome: RequestOutcome } = { isSent: false, outcome: {} };
  try {
    const { tokenRequest, token, read } = await prepare();
    const beforeFirst = async (): Promise<void> => {
      await record.sent(facts, token, outgoing.body);
      progress.isSent = true;
    };
    const received = await sendUpstream(outgoing, tokenRequest, { beforeFirst, slot });
    const isQuoted = await inTurns(quotesToken(received.answer, received.token.secret), work);
    progress.outcome = outcomeOf(received, isQuoted);
    await turnFor(received.answer.body, work);
    const result = await read(usable(received.answer, isQuoted));
    record.ended(facts, progress.outcome);
    return result;
  } catch (thrown) {
    if (progress.isSent) record.ended(facts, { ...progress.outcome, code: toBrokerError(thrown).code });
    else await record.denied(facts, thrown);
    throw thrown;
  } finally {
    slot.leave();
  }
}

function outcomeOf({ answer, token }: Received, isQuoted: boolean): RequestOutcome {
  // A header may be what repeats the token.
  const requestId = isQuoted ? undefined : requestIdOf(answer.headers);
  return defined({ status: answer.status, bytes: answer.body.length, requestId, uti: utiOf(token) });
}

/** @throws BrokerError resource_error for an answer that must not reach the caller. */
function usable(answer: Answer, isQuoted: boolean): Answer {
  if (answer.status < 200 || answer.status > 599) {
    throw new BrokerError('resource_error', 'The resource answers with a status that does not exist.');
  }
  if (isQuoted) {
    throw new BrokerError('resource_error', 'The resource repeats the token in its answer, so the answer was dropped.');
  }
  return { ...answer, headers: answerHeaders(answer.headers) };
}
