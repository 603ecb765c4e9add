import type { BrokerConnection } from './broker-connection.ts';
import { BrokerRequestError } from './broker-request-error.ts';

/**
 * From the first byte sent to the last byte read. The broker waits up to 60 s for Entra before it answers with a code and
 * a retry time. Its own work (signing keys, policy, directory, audit record) needs additional time.
 */
const timeoutMs = 90_000;

/** A complete answer with status 200. */
export interface BrokerAnswer {
  /** When the request was sent, by the local clock. */
  readonly sentAtMs: number;
  readonly text: string;
  readonly headers: Headers;
}

/**
 * Sends one request with the caller's token.
 * @throws BrokerRequestError for any answer but 200, and if there is none.
 */
export async function exchange(
  connection: BrokerConnection,
  url: string,
  post?: { readonly body: string },
): Promise<BrokerAnswer> {
  const authorization = `Bearer ${await connection.callerToken()}`;
  const sentAtMs = connection.clock.nowMs();
  let response: Response;
  let text: string;
  try {
    response = await connection.fetch(url, {
      ...(post === undefined ? {} : { method: 'POST', body: post.body }),
      // The caller's token must not be sent to the target of a redirect.
      redirect: 'error',
      headers: { authorization, ...(post === undefined ? {} : { 'content-type': 'application/json' }) },
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await response.text();
  } catch (cause) {
    throw unreachable(cause);
  }
  if (response.status !== 200) throw failure(response, parseObject(text));
  return { sentAtMs, text, headers: response.headers };
}

/** No complete answer came. */
export const unreachable = (cause: unknown): BrokerRequestError =>
  new BrokerRequestError('The broker could not be reached, or it did not answer in time.', { code: 'network', cause });

/**
 * The id of the approval that a request waits for, by the answer to it. The resource may answer 202 too, but then without this
 * header.
 */
export const pendingApproval = ({ status, headers }: Response): string | undefined =>
  status === 202 ? (headers.get('x-approval-id') ?? undefined) : undefined;

/** The failure that an answer of the broker describes. */
export function failure(response: Response, body: Readonly<Record<string, unknown>>): BrokerRequestError {
  const { status, headers } = response;
  const approvalId = pendingApproval(response);
  if (approvalId !== undefined)
    return new BrokerRequestError(textOf(body['detail']) ?? 'The request waits for the approval of other people.', {
      code: 'approval_pending',
      status,
      advice: 'Send the same request again once it is approved.',
      correlationId: headers.get('x-correlation-id') ?? undefined,
      retryAfterSeconds: retryAfterSeconds(headers),
      approvalId,
    });
  const code = textOf(body['code']);
  return new BrokerRequestError(
    code === undefined
      ? `The server at the broker's URL returned HTTP ${status}.`
      : `${textOf(body['title']) ?? code}. ${textOf(body['detail']) ?? ''}`.trim(),
    {
      code: code ?? 'unexpected',
      status,
      advice: textOf(body['advice']),
      correlationId: textOf(body['correlationId']) ?? headers.get('x-correlation-id') ?? undefined,
      retryAfterSeconds: retryAfterSeconds(headers),
    },
  );
}

/** The header `Retry-After` in seconds. A date is not read. */
export function retryAfterSeconds(headers: Headers): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds : undefined;
}

/** The JSON object in a text, or an empty object if the text is anything else. */
export function parseObject(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The value if it is a text. */
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
