import { BrokerRequestError } from './broker-request-error.ts';

/** The `fetch` of the platform, or a fake in tests. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The system clock, or a fake in tests. */
export interface Clock {
  nowMs(): number;
  sleep(ms: number): Promise<void>;
}

/** The body of `POST /api/tokens`. */
export interface TokenRequest {
  readonly tenant: string;
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly grant: 'delegated' | 'application';
  readonly minimumLifetimeSeconds: number;
}

/** The used part of the broker's answer. */
export interface TokenAnswer {
  readonly accessToken: string;
  /** Expiry by the local clock, which may differ from the broker's. */
  readonly expiresAtMs: number;
  readonly tenantId: string;
}

/**
 * From the first byte sent to the last byte read. The broker waits up to 60 s for Entra before it answers with a code and
 * a retry time. Its own work (signing keys, policy, directory, audit record) needs additional time.
 */
const timeoutMs = 90_000;

/**
 * Sends one token request to the broker.
 * @param url `https://NAME.azurewebsites.net/api/tokens`
 * @throws BrokerRequestError
 */
export async function requestToken(
  { fetch, clock }: { readonly fetch: Fetch; readonly clock: Pick<Clock, 'nowMs'> },
  url: string,
  callerToken: string,
  order: TokenRequest,
): Promise<TokenAnswer> {
  const sentAtMs = clock.nowMs();
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: 'POST',
      // The caller's token must not be sent to the target of a redirect.
      redirect: 'error',
      headers: { authorization: `Bearer ${callerToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(order),
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await response.text();
  } catch (cause) {
    throw new BrokerRequestError('The broker could not be reached, or it did not answer in time.', {
      code: 'network',
      cause,
    });
  }
  return judge(response, parse(text), sentAtMs);
}

function judge(response: Response, body: Readonly<Record<string, unknown>>, sentAtMs: number): TokenAnswer {
  const { status } = response;
  const { accessToken, expiresInSeconds, tenantId } = body;
  if (status !== 200) throw failure(response, body);
  if (typeof accessToken !== 'string' || typeof tenantId !== 'string' || typeof expiresInSeconds !== 'number') {
    throw new BrokerRequestError('The response is not from a broker.', { code: 'unexpected', status });
  }
  return { accessToken, expiresAtMs: sentAtMs + expiresInSeconds * 1000, tenantId };
}

function failure({ status, headers }: Response, body: Readonly<Record<string, unknown>>): BrokerRequestError {
  const code = text(body['code']);
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN);
  return new BrokerRequestError(
    code === undefined
      ? `The server at the broker's URL returned HTTP ${status}.`
      : `${text(body['title']) ?? code}. ${text(body['detail']) ?? ''}`.trim(),
    {
      code: code ?? 'unexpected',
      status,
      advice: text(body['advice']),
      correlationId: text(body['correlationId']) ?? headers.get('x-correlation-id') ?? undefined,
      retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
    },
  );
}

function parse(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
