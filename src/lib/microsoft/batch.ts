import type { BrokerError } from '../core/errors.ts';
import { retry } from '../core/clock.ts';
import { type Binding, exchange, type ExchangeDeps } from './exchange.ts';
import { type JsonObject, objectOf, textOf } from '../core/objects.ts';
import { failureOf, isTransientStatus, itemsOf, valueOf } from './reply.ts';

/** One read inside a batch. */
export interface BatchPart {
  readonly id: string;
  /** With the version, as the shared limits count it. */
  readonly path: string;
  /** The request as the batch has it, without its id. */
  readonly sent: JsonObject;
}

/** Where batches are sent. */
export interface BatchEndpoint {
  readonly url: string;
  /** Parts of a batch at most. */
  readonly size: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The outcome of one read. A failure is a value and does not affect the other reads. */
export type BatchReply<T = unknown> =
  | { readonly id: string; readonly ok: true; readonly value: T }
  | { readonly id: string; readonly ok: false; readonly error: BrokerError };

/** Maximum attempts at one batch. Each further attempt contains only the items that may succeed. */
const attempts = 4;
/** An item with a longer Retry-After is not sent again. */
const maxWaitSeconds = 20;
/** The same limit as for the Retry-After header of a reply (outbound.ts). */
const maxRetryAfterSeconds = 3_600;

/**
 * Sends reads in batches. A batch answers 200 even if items in it are throttled. Only these items are sent again,
 * after the longest Retry-After among them.
 * @returns one reply per request, in the order of the requests.
 * @throws BrokerError if a whole batch fails.
 */
export async function readBatch(
  deps: ExchangeDeps,
  binding: Binding,
  requests: readonly BatchPart[],
  endpoint: BatchEndpoint,
): Promise<BatchReply[]> {
  const replies = new Map<string, BatchReply>();
  for (let start = 0; start < requests.length; start += endpoint.size) {
    let open = requests.slice(start, start + endpoint.size);
    const attempt = async (): Promise<number> => {
      const answers = await sendBatch(deps, binding, open, endpoint);
      const again: typeof open = [];
      let waitSeconds = 0;
      for (const request of open) {
        const { reply, retryAfter, demanded, scope } = judge(binding, request.id, answers.get(request.id));
        replies.set(request.id, reply);
        if (!reply.ok && reply.error.code === 'throttled') tellThrottled(deps, binding, request, { demanded, scope });
        if (retryAfter === undefined || retryAfter > maxWaitSeconds) continue;
        again.push(request);
        waitSeconds = Math.max(waitSeconds, retryAfter);
      }
      open = again;
      return waitSeconds;
    };
    await retry(attempt, {
      clock: deps.clock,
      attempts,
      afterValue: (waitSeconds) => (open.length === 0 ? undefined : (waitSeconds + deps.random()) * 1000),
      signal: binding.signal,
    });
  }
  return requests.flatMap(({ id }) => replies.get(id) ?? []);
}

async function sendBatch(
  deps: ExchangeDeps,
  binding: Binding,
  requests: readonly BatchPart[],
  { url, headers }: BatchEndpoint,
): Promise<Map<string, JsonObject>> {
  const reply = await exchange(deps, binding, {
    method: 'POST',
    url,
    parts: requests.map(({ path }) => path),
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ requests: requests.map(({ id, sent }) => ({ id, ...sent })) }),
  });
  const items = itemsOf(binding.peer, await valueOf(binding.peer, reply, deps.clock.nowMs()), 'responses');
  return new Map(items.map((item) => [textOf(item, 'id') ?? '', item]));
}

/** The status of a batch does not say that a part of it was throttled. */
function tellThrottled(
  { budgets }: ExchangeDeps,
  { counted }: Binding,
  { path }: BatchPart,
  { demanded, scope }: Pick<ReturnType<typeof judge>, 'demanded' | 'scope'>,
): void {
  if (demanded === undefined || counted === undefined) return;
  budgets?.throttled({ ...counted, method: 'GET', paths: [path] }, demanded, scope);
}

/**
 * The reply to one item. `retryAfter` (seconds) is set if the item may succeed when sent again, `demanded` is its Retry-After,
 * and `scope` says what is throttled.
 */
function judge(
  binding: Binding,
  id: string,
  answer: JsonObject | undefined,
): { reply: BatchReply; retryAfter?: number; demanded?: number | undefined; scope?: string | undefined } {
  const status = typeof answer?.['status'] === 'number' ? answer['status'] : 0;
  if (status >= 200 && status <= 299) return { reply: { id, ok: true, value: answer?.['body'] } };
  const headers = Object.entries(objectOf(answer, 'headers') ?? {});
  const valueOfHeader = (wanted: string): unknown => headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
  const header = valueOfHeader('retry-after');
  const scope = valueOfHeader('x-ms-throttle-scope');
  const seconds = typeof header === 'string' || typeof header === 'number' ? Number(header) : Number.NaN;
  const demanded = Number.isFinite(seconds) && seconds >= 0 ? Math.min(maxRetryAfterSeconds, seconds) : undefined;
  const error = failureOf(binding.peer, status, answer?.['body'], demanded);
  return {
    reply: { id, ok: false, error },
    demanded,
    scope: typeof scope === 'string' ? scope : undefined,
    ...(isTransientStatus(status) ? { retryAfter: demanded ?? 1 } : {}),
  };
}
