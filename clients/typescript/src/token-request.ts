import type { BrokerConnection } from './broker-connection.ts';
import { exchange, parseObject } from './broker-exchange.ts';
import { BrokerRequestError } from './broker-request-error.ts';

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
 * Sends one token request to the broker.
 * @throws BrokerRequestError
 */
export async function requestToken(connection: BrokerConnection, order: TokenRequest): Promise<TokenAnswer> {
  const { sentAtMs, text } = await exchange(connection, `${connection.apiUrl}tokens`, { body: JSON.stringify(order) });
  const { accessToken, expiresInSeconds, tenantId } = parseObject(text);
  if (typeof accessToken !== 'string' || typeof tenantId !== 'string' || typeof expiresInSeconds !== 'number') {
    throw new BrokerRequestError('The response is not from a broker.', { code: 'unexpected', status: 200 });
  }
  return { accessToken, expiresAtMs: sentAtMs + expiresInSeconds * 1000, tenantId };
}
